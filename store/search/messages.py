"""Full-text search over messages: FTS5 with BM25 on SQLite, tsvector on Postgres.

Both index the same words (`store.search.words`), so that both find the same. Neither stores a second copy of the text.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Part, TextPart
from store.search import term_index, words
from store.search.off_loop import off_loop
from store.search.parts import text_of
from store.search.words import Term
from store.tables import messages


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


async def index(connection: AsyncConnection, pk: int, parts: tuple[Part, ...]) -> None:
    """Index a message for search and recall, replacing what was indexed for it before. A long one is read on a thread."""
    plain = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    await term_index.index(connection, pk, plain)
    lite = _lite(connection)
    key = "rowid" if lite else "pk"
    await connection.execute(text(f"DELETE FROM message_search WHERE {key} = :pk"), {"pk": pk})  # noqa: S608 - fixed names
    indexed = await off_loop(len(plain), lambda: words.fts5(plain) if lite else words.tsvector(plain))
    if indexed:
        await connection.execute(text(INSERT_LITE if lite else INSERT_POSTGRES), {"pk": pk, "words": indexed})


INSERT_LITE = "INSERT INTO message_search (rowid, words) VALUES (:pk, :words)"
INSERT_POSTGRES = "INSERT INTO message_search (pk, words) VALUES (:pk, CAST(:words AS tsvector))"


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
    """The best `limit` messages that contain all terms of `query`, each as it is written or in another form (`words.terms`)."""
    terms = words.terms(query)
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
SELECT m.pk AS pk, ts_rank_cd(s.words, CAST(:match AS tsquery), 1) AS score
FROM message_search s JOIN messages m ON m.pk = s.pk
WHERE s.words @@ CAST(:match AS tsquery) AND m.owner_id = :owner {within}
ORDER BY score DESC, m.pk DESC LIMIT :limit
"""


def _lite_match(terms: list[Term]) -> str:
    return " AND ".join(f"({' OR '.join((_lite_phrase(term), *map(_quoted, term.forms)))})" for term in terms)


def _lite_phrase(term: Term) -> str:
    return _quoted(" ".join(term.words)) + "*" * term.prefix


def _quoted(words: str) -> str:
    return f'"{words}"'


def _postgres_match(terms: list[Term]) -> str:
    return " & ".join(
        f"({' | '.join((_postgres_phrase(term), *map(_lexeme, term.forms)))})" for term in terms
    )


def _postgres_phrase(term: Term) -> str:
    return "(" + " <-> ".join(map(_lexeme, term.words)) + ":*" * term.prefix + ")"


def _lexeme(word: str) -> str:
    return f"'{word}'"


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
