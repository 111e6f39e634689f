"""Which messages of a thread hold which stems: the index behind recall.

Each stem is kept as one short word made of its thread and itself, so that the index answers for one thread at the price of that
thread: how rare a word is here needs no other table, and no message of another thread or owner is ever touched. FTS5 keeps the
lists on SQLite, a tsvector under GIN on Postgres; both hold presence only, because ranking needs no more (context.recall.rank).
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from context.recall.standing import is_instruction, is_preference
from context.recall.words import stems
from store.tables import messages

# What the form of a user's message says of it, kept as if it were a stem; no stem holds a space.
STANDING = " standing"
PREFERRING = " preferring"
_STATED_AT_MOST = 8_000  # characters: a longer message is pasted text, in which nobody states a rule


async def index(connection: AsyncConnection, pk: int, words: str) -> None:
    """Make a message recallable, in place of what was indexed for it before."""
    lite = connection.dialect.name == "sqlite"
    key = "rowid" if lite else "pk"
    await connection.execute(text(f"DELETE FROM message_search_stems WHERE {key} = :pk"), {"pk": pk})  # noqa: S608 - fixed names
    if not words.strip():
        return
    place = select(messages.c.owner_id, messages.c.thread_id, messages.c.role).where(messages.c.pk == pk)
    owner_id, thread_id, role = (await connection.execute(place)).one()
    held = lexemes(owner_id, thread_id, told(words, role))
    statement = (
        "INSERT INTO message_search_stems (rowid, stems) VALUES (:pk, :stems)"
        if lite
        else "INSERT INTO message_search_stems (pk, stems) VALUES (:pk, array_to_tsvector(string_to_array(:stems, ' ')))"
    )
    await connection.execute(text(statement), {"pk": pk, "stems": " ".join(held)})


async def forget_thread(connection: AsyncConnection, owner_id: str, thread_id: str) -> None:
    """Take a thread's messages out of the index; on Postgres the foreign key's cascade does it."""
    if connection.dialect.name == "sqlite":
        await connection.execute(
            text(
                "DELETE FROM message_search_stems WHERE rowid IN "
                "(SELECT pk FROM messages WHERE owner_id = :owner AND thread_id = :thread)"
            ),
            {"owner": owner_id, "thread": thread_id},
        )


async def holding(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    wanted: Sequence[str],
    *,
    first: int,
    last: int,
    most: int | None = None,
) -> dict[str, list[str]]:
    """For each stem the messages of a thread that hold it: their `pk` as text, from `first` to `last`, ascending.

    Stems that nobody used are absent, and those that more than `most` messages hold.
    """
    if not wanted:
        return {}
    words = dict(zip(lexemes(owner_id, thread_id, wanted), wanted, strict=True))
    found = await connection.execute(
        text(_LITE if connection.dialect.name == "sqlite" else _POSTGRES),
        {"words": " ".join(words), "first": first, "last": last, "most": last if most is None else most},
    )
    return {words[word]: pks.split(",") for word, pks in found if pks}


# One list for each word, as text: thousands of numbers arrive as one value. FTS5 walks a list in the order of rowid.
_LITE = """
SELECT word.value AS word, (
    SELECT CASE WHEN count(*) <= :most THEN group_concat(rowid) END FROM message_search_stems
    WHERE message_search_stems MATCH word.value AND rowid BETWEEN :first AND :last
) AS pks
FROM json_each('["' || replace(:words, ' ', '","') || '"]') AS word
"""

# `pk + 0`, or the planner may walk the primary key and unpack every vector on its way.
_POSTGRES = """
SELECT word, (
    SELECT CASE WHEN count(*) <= :most THEN string_agg(pk::text, ',' ORDER BY pk) END FROM message_search_stems
    WHERE stems @@ word::tsquery AND pk + 0 BETWEEN :first AND :last
) AS pks
FROM unnest(string_to_array(:words, ' ')) AS word
"""


def told(words: str, role: str) -> set[str]:
    """What is indexed of a message."""
    held = set(stems(words))
    if role == "user" and len(words) <= _STATED_AT_MOST:
        if is_instruction(words):
            held.add(STANDING)
        if is_preference(words):
            held.add(PREFERRING)
    return held


def lexemes(owner_id: str, thread_id: str, wanted: Iterable[str]) -> list[str]:
    """Stems as the index knows them: hexadecimal, ten digits for the thread and eight for the stem.

    Two stems of one digest share their lists, which costs a stray candidate; two threads of one cost time alone, because only
    messages of the branch are looked at.
    """
    scope = blake2b(f"{owner_id}\x00{thread_id}".encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return [
        scope + blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest() for stem in wanted
    ]
