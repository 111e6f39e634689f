"""Full-text search over messages: FTS5 with BM25 on SQLite, tsvector on Postgres.

Both index the same prepared text: words only, with each character of a script that is written without spaces on its own, so that
Chinese, Japanese and Thai are found by phrase. Neither stores a second copy of the text.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Part, TextPart
from store.search import term_index
from store.search.parts import text_of
from store.tables import messages

# Thai to Khmer, kana, Han with extensions, half-width kana: written without spaces between words.
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    r"\U00020000-\U0003ffff])"
)
# A dot or a slash would make Postgres index a file name, a host or a decimal as one word, which its parts do not find.
_BETWEEN_WORDS = re.compile(r"[\W_]+")
MAX_INDEXED = 200_000  # characters of one message; tsvector itself ends at 1 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that matches. `text` is the whole message's, `score` orders hits: larger is better."""

    pk: int
    thread_id: str
    message_id: str
    role: str
    text: str
    created_at: int
    score: float


def prepared(words: str) -> str:
    """Text as it is indexed: NFKC, words separated by spaces, and so are characters of unspaced scripts."""
    normalized = unicodedata.normalize("NFKC", words[:MAX_INDEXED])
    return _UNSPACED.sub(r" \1 ", _BETWEEN_WORDS.sub(" ", normalized))


def inputs(query: str) -> list[list[str]]:
    """A query's terms; each is a run of words that must follow one another (one word, or the characters of a phrase)."""
    return [words for words in (prepared(term).split() for term in query.split()) if words]


async def index(connection: AsyncConnection, pk: int, parts: tuple[Part, ...]) -> None:
    """Index a message for search and recall, replacing what was indexed for it before."""
    plain = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    await term_index.index(connection, pk, plain)
    words = prepared(plain)
    key = "rowid" if _lite(connection) else "pk"
    await connection.execute(text(f"DELETE FROM message_search WHERE {key} = :pk"), {"pk": pk})  # noqa: S608 - fixed names
    if not words.strip():
        return
    statement = (
        "INSERT INTO message_search (rowid, words) VALUES (:pk, :words)"
        if _lite(connection)
        else "INSERT INTO message_search (pk, words) VALUES (:pk, to_tsvector('simple', :words))"
    )
    await connection.execute(text(statement), {"pk": pk, "words": words})


async def index_stored(connection: AsyncConnection, pk: int, parts: tuple[Part, ...]) -> None:
    """`index`, unless the message was deleted meanwhile."""
    exists = select(messages.c.pk).where(messages.c.pk == pk).with_for_update()
    if await connection.scalar(exists) is not None:
        await index(connection, pk, parts)


async def forget_thread(connection: AsyncConnection, owner_id: str, thread_id: str) -> None:
    """Remove a thread's messages from the indexes."""
    await term_index.forget_thread(connection, owner_id, thread_id)
    if _lite(connection):
        await connection.execute(
            text(
                "DELETE FROM message_search WHERE rowid IN "
                "(SELECT pk FROM messages WHERE owner_id = :owner AND thread_id = :thread)"
            ),
            {"owner": owner_id, "thread": thread_id},
        )
    # On Postgres the foreign key's cascade does it.


async def find(
    connection: AsyncConnection, owner_id: str, query: str, *, limit: int, thread_id: str | None = None
) -> list[Hit]:
    """The best `limit` messages that contain all terms of `query`; the last term also matches as a prefix."""
    terms = inputs(query)
    if not terms:
        return []
    ranked = _LITE_FIND if _lite(connection) else _POSTGRES_FIND
    within = "AND m.thread_id = :thread" if thread_id is not None else ""
    match = _lite_match(terms) if _lite(connection) else _postgres_match(terms)
    rows = await connection.execute(
        text(ranked.format(within=within)),
        {"match": match, "owner": owner_id, "thread": thread_id, "limit": limit},
    )
    scores: dict[int, float] = {row.pk: float(row.score) for row in rows}
    matching = await connection.execute(
        select(messages).where(messages.c.pk.in_(scores), messages.c.owner_id == owner_id)
    )
    hits = [_hit(row, scores[row.pk]) for row in matching]
    return sorted(hits, key=lambda hit: (-hit.score, -hit.pk))


_LITE_FIND = """
SELECT m.pk AS pk, -bm25(message_search) AS score
FROM message_search JOIN messages m ON m.pk = message_search.rowid
WHERE message_search MATCH :match AND m.owner_id = :owner {within}
ORDER BY score DESC, m.pk DESC LIMIT :limit
"""

_POSTGRES_FIND = """
SELECT m.pk AS pk, ts_rank_cd(s.words, to_tsquery('simple', :match), 1) AS score
FROM message_search s JOIN messages m ON m.pk = s.pk
WHERE s.words @@ to_tsquery('simple', :match) AND m.owner_id = :owner {within}
ORDER BY score DESC, m.pk DESC LIMIT :limit
"""


def _lite_match(terms: list[list[str]]) -> str:
    phrases = ['"' + " ".join(words) + '"' for words in terms]
    return " AND ".join([*phrases[:-1], phrases[-1] + "*"])


def _postgres_match(terms: list[list[str]]) -> str:
    phrases = ["(" + " <-> ".join(f"'{word}'" for word in words) + ")" for words in terms]
    last = "(" + " <-> ".join(f"'{word}'" for word in terms[-1][:-1]) + (" <-> " if terms[-1][:-1] else "")
    return " & ".join([*phrases[:-1], last + f"'{terms[-1][-1]}':*)"])


def _hit(row: Any, score: float) -> Hit:
    return Hit(
        pk=row.pk,
        thread_id=row.thread_id,
        message_id=row.id,
        role=row.role,
        text=text_of(row.parts),
        created_at=row.created_at,
        score=score,
    )


def _lite(connection: AsyncConnection) -> bool:
    return connection.dialect.name == "sqlite"
