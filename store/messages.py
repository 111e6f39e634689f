"""Store messages: add one, finish a streaming answer, read one, rate one. Branches of the message tree are in store.branches."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from context.messages import Message, Part, Role, Status, part_from_json, part_to_json
from store.search import messages as search
from store.search.term_index import Indexed
from store.tables import messages


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message as stored, with its thread and turn and the cost of its answer.

    `pk` orders messages of one thread by creation; `cost_usd` is an exact decimal in USD, None when unpriced.
    """

    pk: int
    owner_id: str
    thread_id: str
    turn_id: str
    message: Message
    model: str | None
    finish_reason: str | None
    error: dict[str, Any] | None
    usage: dict[str, Any] | None
    cost_usd: str | None
    feedback: str | None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be added under `parent`; None makes it a root of its thread. `created_at` in milliseconds."""

    id: str
    parent: Message | None
    role: Role
    status: Status
    parts: tuple[Part, ...]
    tokens: int
    turn_id: str
    created_at: int

    @property
    def message(self) -> Message:
        """The message that is stored."""
        parent = self.parent
        return Message(
            id=self.id,
            parent_id=None if parent is None else parent.id,
            role=self.role,
            status=self.status,
            parts=self.parts,
            depth=0 if parent is None else parent.depth + 1,
            tokens=self.tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedAnswer:
    """The final content of an answer. `cost_usd` is an exact decimal in USD, None when unpriced."""

    status: Status
    parts: tuple[Part, ...]
    tokens: int
    refused: bool = False
    model: str | None = None
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    cost_usd: str | None = None


_OWN = and_(messages.c.owner_id == bindparam("owner"), messages.c.id == bindparam("message"))
_ADD = insert(messages).returning(messages.c.pk)
_FINISH = (
    update(messages)
    .where(_OWN, messages.c.status == "streaming")
    .returning(messages.c.pk, messages.c.owner_id, messages.c.thread_id, messages.c.role, messages.c.depth)
)
_GET = select(messages).where(_OWN)
_GET_OF_THREAD = _GET.where(messages.c.thread_id == bindparam("thread"))
_RATE = update(messages).where(_OWN)


def add(connection: Connection, owner_id: str, thread_id: str, message: NewMessage) -> int:
    """Add a message and return its `pk`. Raises IntegrityError when the owner has a message with that id.

    It is indexed, unless it is an answer that is still to be written.
    """
    added = message.message
    inserted = connection.execute(
        _ADD,
        {
            "owner_id": owner_id,
            "id": message.id,
            "thread_id": thread_id,
            "parent_id": added.parent_id,
            "depth": added.depth,
            "role": message.role,
            "status": message.status,
            "parts": [part_to_json(part) for part in message.parts],
            "tokens": message.tokens,
            "refused": False,
            "turn_id": message.turn_id,
            "created_at": message.created_at,
        },
    )
    pk: int = inserted.scalar_one()
    if message.parts:
        indexed = Indexed(pk=pk, owner_id=owner_id, thread_id=thread_id, role=message.role, depth=added.depth)
        search.index(connection, indexed, message.parts, new=True)
    return pk


def finish(
    connection: Connection,
    owner_id: str,
    message_id: str,
    answer: FinishedAnswer,
    *,
    index: bool = True,
) -> Indexed:
    """Give a streaming answer its final content; it never changes again. Raises NoResultFound for any other.

    Returns its place. `index`: False leaves it to the caller to add the answer to the search index, as a new message.
    """
    values = {name: getattr(answer, name) for name in FinishedAnswer.__slots__}
    values["parts"] = [part_to_json(part) for part in answer.parts]
    updated = connection.execute(_FINISH, {"owner": owner_id, "message": message_id, **values})
    indexed = search.indexed(updated.one())
    if index:
        search.index(connection, indexed, answer.parts, new=True)
    return indexed


def get(
    connection: Connection, owner_id: str, message_id: str, *, thread_id: str | None = None
) -> StoredMessage | None:
    """One message of an owner; of one thread, where that is named."""
    query = _GET if thread_id is None else _GET_OF_THREAD
    names = {"owner": owner_id, "message": message_id, "thread": thread_id}
    row = connection.execute(query, names).one_or_none()
    return None if row is None else stored(row)


def rate(connection: Connection, owner_id: str, message_id: str, feedback: str | None) -> bool:
    """Store a person's feedback on a message. False when the owner has no such message."""
    updated = connection.execute(_RATE, {"owner": owner_id, "message": message_id, "feedback": feedback})
    return updated.rowcount == 1


def stored(row: Any) -> StoredMessage:
    """A row as a value."""
    return StoredMessage(
        pk=row.pk,
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        turn_id=row.turn_id,
        message=Message(
            id=row.id,
            parent_id=row.parent_id,
            role=row.role,
            status=row.status,
            parts=tuple(part_from_json(part) for part in row.parts),
            depth=row.depth,
            tokens=row.tokens,
            refused=row.refused,
        ),
        model=row.model,
        finish_reason=row.finish_reason,
        error=row.error,
        usage=row.usage,
        cost_usd=row.cost_usd,
        feedback=row.feedback,
        created_at=row.created_at,
    )
