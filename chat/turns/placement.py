"""Place a turn in the thread's tree: find or store the question it answers, and find the answer above that."""

from collections.abc import Callable

from sqlalchemy import Connection

from chat.errors import BadRequest, IdConflict, NotFound
from chat.turns.turn_request import TurnRequest
from context.messages import Message, TextPart
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
    tokens: int,
    turn_id: str,
    now: int,
) -> tuple[Message, StoredMessage | None]:
    """The user's message the turn answers, stored if it is new, and the answer above it, whose window the turn continues.

    `tokens`: of the new message. Raises BadRequest, NotFound and IdConflict.
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
    parent = _parent(connection, turn_request, thread)
    question_id = turn_request.user_message_id or new_id()
    named = turn_request.user_message_id is not None
    if named and messages.get(connection, thread.owner_id, question_id) is not None:
        raise IdConflict("a message of that id exists already", param="input.message_id")
    assert turn_request.text is not None  # noqa: S101 - the API takes either text or regenerate
    above = None if parent is None else parent.message
    new = messages.NewMessage(
        id=question_id,
        parent=above,
        role="user",
        status="complete",
        parts=(TextPart(text=turn_request.text),),
        tokens=tokens,
        turn_id=turn_id,
        created_at=now,
    )
    messages.add(connection, thread.owner_id, thread.id, new)
    return new.message, parent


def _parent(connection: Connection, turn_request: TurnRequest, thread: Thread) -> StoredMessage | None:
    parent = turn_request.parent
    if parent == "root" or (parent == "leaf" and thread.leaf_id is None):
        return None
    message = _of_thread(
        connection, thread, thread.leaf_id or "" if parent == "leaf" else parent[0], "parent_id"
    )
    if message.message.role != "assistant":
        raise BadRequest("a new message follows an answer, or begins the thread", param="parent_id")
    return message


def _of_thread(connection: Connection, thread: Thread, message_id: str, param: str) -> StoredMessage:
    message = messages.get(connection, thread.owner_id, message_id, thread_id=thread.id)
    if message is None:
        raise NotFound("no such message in this thread", param=param)
    return message
