"""Rebuild the search indexes batch by batch while the server runs: for messages that an earlier version indexed under other rules.

A migration says up to which `pk` the indexes are old (`OLD`); `next_batch` and `write` work from there down, the newest messages first,
and keep the place in the transaction that writes a batch. A rebuild that ends early goes on from there; replicas share the work. Until its
turn comes, a message is found as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, column, delete, select, table, update

from store.search import messages as full_text
from store.search import term_index, words
from store.search.parts import text_of
from store.tables import messages

BATCH = 200  # messages
BATCH_TOKENS = 50_000  # in a batch, unless a single message has more

OLD = table("message_search_rebuild", column("up_to", BigInteger))  # one row; 0: nothing is old
_WORDS = {
    "sqlite": table("message_search", column("rowid")),
    "postgresql": table("message_search", column("pk")),
}
_STEMS = {
    "sqlite": table("message_search_stems", column("rowid")),
    "postgresql": table("message_search_stems", column("pk")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OldMessage:
    """A message to be indexed anew."""

    pk: int
    owner_id: str
    thread_id: str
    role: str
    depth: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages to be indexed anew, the newest `pk` at most `up_to`; those above `rest` are done with it."""

    up_to: int
    rest: int
    messages: Sequence[OldMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What the two indexes hold of a message. Empty: nothing."""

    words: str
    stems: str


def next_batch(connection: Connection) -> Batch | None:
    """The newest old messages; None when nothing is old."""
    up_to = connection.scalar(select(OLD.c.up_to)) or 0
    if up_to <= 0:
        return None
    sizes = connection.execute(
        select(messages.c.pk, messages.c.tokens)
        .where(messages.c.pk <= up_to)
        .order_by(messages.c.pk.desc())
        .limit(BATCH)
    )
    pks: list[int] = []
    tokens = 0
    for pk, size in sizes:
        tokens += size
        if pks and tokens > BATCH_TOKENS:
            break
        pks.append(pk)
    rows = connection.execute(
        select(messages).where(messages.c.pk.in_(pks), messages.c.status != "streaming")
    )
    found = [
        OldMessage(
            pk=row.pk,
            owner_id=row.owner_id,
            thread_id=row.thread_id,
            role=row.role,
            depth=row.depth,
            text=text_of(row.parts, between="\n"),
        )
        for row in rows
    ]
    return Batch(up_to=up_to, rest=min(pks) - 1 if pks else 0, messages=found)


def entries(dialect: str, message: OldMessage) -> Entries:
    """The index entries of a message. Takes up to a second for the longest: not for the event loop."""
    lite = dialect == "sqlite"
    stretch = None if lite else message.depth // term_index.STRETCH
    stems = term_index.indexed_stems(message.text, message.role) if message.text.strip() else ()
    return Entries(
        words=words.fts5(message.text) if lite else words.tsvector(message.text),
        stems=term_index.entry(message.owner_id, message.thread_id, stretch, stems),
    )


def write(connection: Connection, batch: Batch, made: Sequence[Entries]) -> bool:
    """Write the entries of a batch, in its order. False when another replica has done that already."""
    up_to = connection.scalar(select(OLD.c.up_to).with_for_update())
    if up_to != batch.up_to:
        return False
    pks = [message.pk for message in batch.messages]
    there = set(connection.scalars(select(messages.c.pk).where(messages.c.pk.in_(pks)).with_for_update()))
    dialect = connection.dialect.name
    for index in (_WORDS[dialect], _STEMS[dialect]):
        connection.execute(delete(index).where(next(iter(index.c)).in_(there)))
    lite = dialect == "sqlite"
    pairs = [(pk, entry) for pk, entry in zip(pks, made, strict=True) if pk in there]
    new_words = [{"pk": pk, "words": entry.words} for pk, entry in pairs if entry.words]
    new_stems = [{"pk": pk, "stems": entry.stems} for pk, entry in pairs if entry.stems]
    if new_words:
        connection.execute(full_text.INSERT_LITE if lite else full_text.INSERT_POSTGRES, new_words)
    if new_stems:
        connection.execute(term_index.INSERT_LITE if lite else term_index.INSERT_POSTGRES, new_stems)
    connection.execute(update(OLD).values(up_to=batch.rest))
    return True
