"""Place a turn in the thread's tree: find or store the question it answers, and find the answer above that."""

from collections.abc import Callable

from sqlalchemy import Connection

from chat.errors import BadRequest, IdConflict, NotFound
from chat.turns.turn_request import TurnRequest
from context.messages import Message, Role, TextPart
from context.request.continuing import can_go_on
from store import messages
from store.messages import StoredMessage
from store.threads import Thread


def place_question(
    connection: Connection,
    turn_request: TurnRequest,
    thread: Thread,
    *,
    new_id: Callable[[], str],
    count: Callable[[str], int],
    turn_id: str,
    now: int,
) -> tuple[Message, StoredMessage | None]:
    """The user's message the turn answers, stored if it is new, and the answer above it, whose window the turn continues.

    `count`: the tokens of a text. Raises BadRequest, NotFound and IdConflict.
    """
    if turn_request.continues is not None or turn_request.regenerate is not None:
        param = "regenerate" if turn_request.continues is None else "continue"
        answer = _of_thread(
            connection, thread, turn_request.continues or turn_request.regenerate or "", param
        )
        if answer.message.role != "assistant" or answer.message.parent_id is None:
            raise BadRequest(f"only an answer can be given to `{param}`", param=param)
        if turn_request.continues is not None and not can_go_on(answer.message, answer.finish_reason):
            raise BadRequest("only an answer that stopped before its end can be continued", param=param)
        question = _of_thread(connection, thread, answer.message.parent_id, param)
        return question.message, answer
    above = _parent(connection, turn_request, thread)
    parent = None if above is None else above.message
    # The history was said elsewhere: no turn of ours gave its answers.
    elsewhere = new_id()
    for message in turn_request.history:
        parts = (TextPart(text=message.text),) if message.text else ()
        entry = _new(new_id(), parent, message.role, parts, count(message.text), elsewhere, now)
        messages.add(connection, thread.owner_id, thread.id, entry)
        parent = entry.message
    question_id = turn_request.user_message_id or new_id()
    named = turn_request.user_message_id is not None
    if named and messages.get(connection, thread.owner_id, question_id) is not None:
        raise IdConflict("a message of that id exists already", param="input.message_id")
    assert turn_request.text is not None  # noqa: S101 - the API takes either text or regenerate
    text = turn_request.text
    new = _new(question_id, parent, "user", (TextPart(text=text),), count(text), turn_id, now)
    messages.add(connection, thread.owner_id, thread.id, new)
    return new.message, None if turn_request.history else above


def _new(
    message_id: str,
    parent: Message | None,
    role: Role,
    parts: tuple[TextPart, ...],
    tokens: int,
    turn_id: str,
    now: int,
) -> messages.NewMessage:
    return messages.NewMessage(
        id=message_id,
        parent=parent,
        role=role,
        status="complete",
        parts=parts,
        tokens=tokens,
        turn_id=turn_id,
        created_at=now,
    )


def _parent(connection: Connection, turn_request: TurnRequest, thread: Thread) -> StoredMessage | None:
    parent = turn_request.parent
    if parent == "root" or (parent == "leaf" and thread.leaf_id is None):
        return None
    message = _of_thread(
        connection, thread, thread.leaf_id or "" if parent == "leaf" else parent[0], "parent_id"
    )
    follows = turn_request.history[0].role if turn_request.history else "user"
    if message.message.role == follows:
        raise BadRequest("a new message follows an answer, or begins the thread", param="parent_id")
    return message


def _of_thread(connection: Connection, thread: Thread, message_id: str, param: str) -> StoredMessage:
    message = messages.get(connection, thread.owner_id, message_id, thread_id=thread.id)
    if message is None:
        raise NotFound("no such message in this thread", param=param)
    return message
