"""Term index behind recall: which messages of a thread contain which word stems.

Each stem is stored as one short word made of its thread and itself, so that a lookup costs in proportion to one thread and never
touches messages of another thread or owner. SQLite keeps the lists in FTS5, Postgres in a tsvector under GIN; both store presence
only, because ranking needs no more (context.recall.rank).

A lookup reads the newest entries of each stem's list and stops. FTS5 walks a list backwards; GIN returns a whole list or nothing, so
on Postgres a list is cut into stretches of the thread, which are looked up one after the other.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, text

from context.recall.instructions import is_instruction, is_preference
from context.recall.kinds import kinds
from context.recall.speakers import speaker_label
from context.recall.stems import word_stems
from context.recall.time_mentions import tells_when
from store import sqlite
from store.search.off_loop import off_loop

# Properties of a whole message, indexed as if they were stems; no stem contains a space.
INSTRUCTION = " standing"
PREFERRING = " preferring"
TELLING = " telling"
LABELED = " labeled"  # it begins with the name of whoever speaks
STRETCH = 1_024  # depths that share a list on Postgres: fewer cost more lookups, more are read in vain


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """A message that is to be indexed, and where it stands."""

    pk: int
    owner_id: str
    thread_id: str
    role: str
    depth: int


def index(connection: Connection, message: Indexed, words: str, *, new: bool = False) -> None:
    """Index a message for recall, replacing what was indexed for it before, unless it is `new`. A long one is read on a thread."""
    lite = connection.dialect.name == "sqlite"
    if not new:
        connection.execute(_REMOVE_LITE if lite else _REMOVE_POSTGRES, {"pk": message.pk})
    if not words.strip():
        return
    stretch = None if lite else message.depth // STRETCH
    stems = off_loop(
        len(words),
        lambda: entry(message.owner_id, message.thread_id, stretch, indexed_stems(words, message.role)),
    )
    connection.execute(INSERT_LITE if lite else INSERT_POSTGRES, {"pk": message.pk, "stems": stems})


INSERT_LITE = text("INSERT INTO message_search_stems (rowid, stems) VALUES (:pk, :stems)")
INSERT_POSTGRES = text(
    "INSERT INTO message_search_stems (pk, stems) "
    "VALUES (:pk, array_to_tsvector(string_to_array(:stems, ' ')))"
)
_REMOVE_LITE = text("DELETE FROM message_search_stems WHERE rowid = :pk")
_REMOVE_POSTGRES = text("DELETE FROM message_search_stems WHERE pk = :pk")


def forget_thread(connection: Connection, owner_id: str, thread_id: str) -> None:
    """Remove a thread's messages from the index; on Postgres the foreign key's cascade does it."""
    if connection.dialect.name == "sqlite":
        connection.execute(_FORGET_THREAD, {"owner": owner_id, "thread": thread_id})


_FORGET_THREAD = text(
    "DELETE FROM message_search_stems WHERE rowid IN "
    "(SELECT pk FROM messages WHERE owner_id = :owner AND thread_id = :thread)"
)


def holding(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    stems: Sequence[str],
    *,
    pks: tuple[int, int],
    depths: tuple[int, int],
    most: int,
) -> dict[str, list[int]]:
    """For each stem the `pk`s of the newest `most` messages of a thread that contain it, newest first.

    `pks` and `depths`: the first and the last to look at. Stems no message contains are absent.
    """
    if not stems:
        return {}
    lite = connection.dialect.name == "sqlite"
    stem_of = {digest(stem): stem for stem in stems}
    first, last = depths
    stretches = [None] if lite else range(last // STRETCH, first // STRETCH - 1, -1)
    values = {
        "scopes": " ".join(scope(owner_id, thread_id, stretch) for stretch in stretches),
        "words": " ".join(stem_of),
        "first": pks[0],
        "last": pks[1],
        "most": most,
    }
    rows: Iterable[Any] = (
        sqlite.rows(connection, _LITE, values) if lite else connection.execute(_POSTGRES, values)
    )
    # json parses a list of numbers in half the time of int() on each
    return {
        stem_of[word]: sorted(json.loads(f"[{places}]"), reverse=True)[:most]
        for word, places in rows
        if places
    }


# One list per word, as text: thousands of numbers arrive as one value. FTS5 can walk a list from either end.
_LITE = """
SELECT word.value AS word, (
    SELECT group_concat(pk) FROM (
        SELECT rowid AS pk FROM message_search_stems
        WHERE message_search_stems MATCH :scopes || word.value AND rowid BETWEEN :first AND :last
        ORDER BY rowid DESC LIMIT :most
    )
) AS places
FROM json_each('["' || replace(:words, ' ', '","') || '"]') AS word
"""

# From stretch to stretch, back from the newest, until there are enough. `pk + 0`, or the planner may walk the primary key and
# unpack every vector on its way.
_POSTGRES = text("""
WITH RECURSIVE walk AS (
    SELECT word, 1 AS step, 0::bigint AS held, NULL::text AS places
    FROM unnest(string_to_array(:words, ' ')) AS word
    UNION ALL
    SELECT walk.word, walk.step + 1, walk.held + found.held, found.places
    FROM walk CROSS JOIN LATERAL (
        SELECT count(*) AS held, string_agg(pk::text, ',') AS places FROM message_search_stems
        WHERE stems @@ ((string_to_array(:scopes, ' '))[walk.step] || walk.word)::tsquery
            AND pk + 0 BETWEEN :first AND :last
    ) AS found
    WHERE walk.held < :most AND walk.step <= cardinality(string_to_array(:scopes, ' '))
)
SELECT word, string_agg(places, ',') AS places FROM walk WHERE places IS NOT NULL GROUP BY word
""")


def indexed_stems(words: str, role: str) -> set[str]:
    """The stems and properties that are indexed for a message."""
    stems_of = word_stems(words)
    stems = {stem for stems in stems_of.values() for stem in stems}
    stems.update([*kinds(stems_of, stems)])
    if tells_when(words):
        stems.add(TELLING)
    if names := speaker_label(words)[0]:
        stems.update((LABELED, *map(speaker, names)))
    if role == "user":
        if is_instruction(words):
            stems.add(INSTRUCTION)
        if is_preference(words):
            stems.add(PREFERRING)
    return stems


def speaker(stem: str) -> str:
    """What is indexed for a message that begins with a name of this stem."""
    return f"{LABELED} {stem}"


def entry(owner_id: str, thread_id: str, stretch: int | None, stems: Iterable[str]) -> str:
    """The index entry of a message that contains these stems."""
    prefix = scope(owner_id, thread_id, stretch)
    return " ".join(prefix + digest(stem) for stem in stems)


def scope(owner_id: str, thread_id: str, stretch: int | None) -> str:
    """A thread, or on Postgres a stretch of it, as ten hexadecimal digits.

    Two threads with the same digest share their lists. That only costs time, because only messages of the branch are used.
    """
    name = f"{owner_id}\x00{thread_id}" + ("" if stretch is None else f"\x00{stretch}")
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


@lru_cache(maxsize=20_000)
def digest(stem: str) -> str:
    """A stem as eight hexadecimal digits. Two stems with the same digest share their lists: a stray candidate."""
    return blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
