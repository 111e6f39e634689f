"""Full-text search over messages: FTS5 with BM25 on SQLite, tsvector on Postgres.

Both index the same words (`store.search.words`), so that both find the same. Neither stores a second copy of the text.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, select, text

from context.messages import Part, TextPart
from store.search import term_index, words
from store.search.off_loop import off_loop
from store.search.parts import text_of
from store.search.term_index import Indexed
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


def index(connection: Connection, message: Indexed, parts: tuple[Part, ...], *, new: bool = False) -> None:
    """Index a message for search and recall, replacing what was indexed for it before, unless it is `new`. A long one is read on a thread."""
    plain = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    term_index.index(connection, message, plain, new=new)
    lite, pk = _lite(connection), message.pk
    if not new:
        connection.execute(_REMOVE_LITE if lite else _REMOVE_POSTGRES, {"pk": pk})
    indexed = off_loop(len(plain), lambda: words.fts5(plain) if lite else words.tsvector(plain))
    if indexed:
        connection.execute(INSERT_LITE if lite else INSERT_POSTGRES, {"pk": pk, "words": indexed})


INSERT_LITE = text("INSERT INTO message_search (rowid, words) VALUES (:pk, :words)")
INSERT_POSTGRES = text("INSERT INTO message_search (pk, words) VALUES (:pk, CAST(:words AS tsvector))")
_REMOVE_LITE = text("DELETE FROM message_search WHERE rowid = :pk")
_REMOVE_POSTGRES = text("DELETE FROM message_search WHERE pk = :pk")
_TO_INDEX = (
    select(messages.c.pk, messages.c.owner_id, messages.c.thread_id, messages.c.role, messages.c.depth)
    .where(messages.c.pk == bindparam("pk"))
    .with_for_update()
)


def index_stored(connection: Connection, pk: int, parts: tuple[Part, ...]) -> None:
    """`index`, unless the message was deleted meanwhile."""
    row = connection.execute(_TO_INDEX, {"pk": pk}).one_or_none()
    if row is not None:
        index(connection, indexed(row), parts)


def indexed(row: Any) -> Indexed:
    """What of a message's row the indexes need."""
    return Indexed(pk=row.pk, owner_id=row.owner_id, thread_id=row.thread_id, role=row.role, depth=row.depth)


def forget_thread(connection: Connection, owner_id: str, thread_id: str) -> None:
    """Remove a thread's messages from the indexes."""
    term_index.forget_thread(connection, owner_id, thread_id)
    if _lite(connection):
        connection.execute(_FORGET_THREAD, {"owner": owner_id, "thread": thread_id})
    # On Postgres the foreign key's cascade does it.


_FORGET_THREAD = text(
    "DELETE FROM message_search WHERE rowid IN "
    "(SELECT pk FROM messages WHERE owner_id = :owner AND thread_id = :thread)"
)


def find(
    connection: Connection, owner_id: str, query: str, *, limit: int, thread_id: str | None = None
) -> list[Hit]:
    """The best `limit` messages that contain all terms of `query`, each as it is written or in another form (`words.terms`)."""
    terms = words.terms(query)
    if not terms:
        return []
    match = _lite_match(terms) if _lite(connection) else _postgres_match(terms)
    rows = connection.execute(
        _find(connection.dialect.name, in_thread=thread_id is not None),
        {"match": match, "owner": owner_id, "thread": thread_id, "limit": limit},
    )
    scores: dict[int, float] = {row.pk: float(row.score) for row in rows}
    matching = connection.execute(_MATCHING, {"owner": owner_id, "pks": list(scores)})
    hits = [_hit(row, scores[row.pk]) for row in matching]
    return sorted(hits, key=lambda hit: (-hit.score, -hit.pk))


_MATCHING = select(messages).where(
    messages.c.pk.in_(bindparam("pks", expanding=True)), messages.c.owner_id == bindparam("owner")
)

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


@cache
def _find(dialect: str, *, in_thread: bool) -> TextClause:
    ranked = _LITE_FIND if dialect == "sqlite" else _POSTGRES_FIND
    return text(ranked.format(within="AND m.thread_id = :thread" if in_thread else ""))


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


def _lite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
