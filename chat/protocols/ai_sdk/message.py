"""What a request of the AI SDK asks for: a turn that exists already, a new message, an edit, or another answer.

The client sends the whole chat, and sends it again after a failure; the thread has its history already. A message is known by its id
and its text together, because an edited message keeps its id. That pair is also the idempotency key: posted again, it is the same turn.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from sqlalchemy import Connection

from chat.api.body import validate
from chat.auth.principal import Principal
from chat.errors import BadRequest
from chat.protocols.ai_sdk.schemas import ChatRequest, UserMessage
from chat.protocols.thread_ids import thread_of
from chat.turns.turn_request import TurnRequest
from store import messages, turns
from store.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """A request as it was understood. `after`: id of the answer above the message, as the client shows it."""

    thread_id: str
    message: UserMessage | None
    after: str | None
    regenerates: bool
    answer_id: str | None
    model: str | None


def parse_request(body: ChatRequest) -> ParsedRequest:
    """The last message of the user, what stands above it, and what is to be done. Raises BadRequest."""
    message, after = _last_message(body)
    regenerates = body.trigger == "regenerate-message"
    if message is None and (not regenerates or body.message_id is None):
        raise BadRequest("messages: there is no message of the user", param="messages")
    if not regenerates and message is not None and body.message_id not in (None, message.id):
        # The client would add the answer to the message of that id, which is complete already.
        raise BadRequest("messageId: only a message of the user can be sent", param="messageId")
    return ParsedRequest(
        thread_id=thread_of(body.id),
        message=message,
        after=after,
        regenerates=regenerates,
        answer_id=body.message_id if regenerates else None,
        model=body.model,
    )


def _last_message(body: ChatRequest) -> tuple[UserMessage | None, str | None]:
    """The last message of the user, and the id of the last answer above it."""
    if body.message is not None:
        if body.message.get("role") != "user":
            return None, None
        return validate(UserMessage, body.message, where="message."), None
    history = body.messages or []
    for index in range(len(history) - 1, -1, -1):
        if history[index].get("role") == "user":
            message = validate(UserMessage, history[index], where=f"messages.{index}.")
            above = (entry.get("id") for entry in history[index::-1] if entry.get("role") == "assistant")
            return message, next((id for id in above if isinstance(id, str)), None)
    return None, None


def find(connection: Connection, owner_id: str, parsed: ParsedRequest, who: Principal) -> Turn | TurnRequest:
    """The turn that answers the message already, or the request for a new one. Raises BadRequest."""
    if parsed.regenerates:
        answer_id = _answer(connection, owner_id, parsed)
        if answer_id is not None:
            return _request(parsed, who, regenerate=answer_id)
        # The message never arrived: to try again is to send it.
    if parsed.message is None:
        raise BadRequest("messageId: there is no such answer in this chat", param="messageId")
    return _known(connection, owner_id, parsed, parsed.message) or _new(connection, owner_id, parsed, who)


def _answer(connection: Connection, owner_id: str, parsed: ParsedRequest) -> str | None:
    """Id of an answer to the question that is to be answered again; None when there is none."""
    if parsed.answer_id is not None:
        stored = messages.get(connection, owner_id, parsed.answer_id, thread_id=parsed.thread_id)
        if stored is not None and stored.message.role == "assistant":
            return stored.message.id
    turn = None if parsed.message is None else _known(connection, owner_id, parsed, parsed.message)
    return None if turn is None else turn.message_id


def _known(connection: Connection, owner_id: str, parsed: ParsedRequest, message: UserMessage) -> Turn | None:
    """The turn that this message, with this text, began."""
    turn = turns.by_key(connection, owner_id, _key(parsed.thread_id, message))
    if turn is not None:
        return turn
    stored = messages.get(connection, owner_id, message.id, thread_id=parsed.thread_id)
    if stored is None or stored.message.role != "user" or stored.message.text != message.text:
        return None
    return turns.get(connection, owner_id, stored.turn_id)  # it came by another route


def _new(connection: Connection, owner_id: str, parsed: ParsedRequest, who: Principal) -> TurnRequest:
    """A message that is new, or new under its id: beside the one it was before, else below the answer the client shows."""
    assert parsed.message is not None  # noqa: S101 - `find` has looked
    stored = messages.get(connection, owner_id, parsed.message.id)
    if stored is not None and stored.thread_id == parsed.thread_id and stored.message.role == "user":
        above = stored.message.parent_id
        return _request(parsed, who, parent="root" if above is None else (above,))
    parent: Literal["leaf"] | tuple[str] = "leaf"
    if parsed.after is not None:
        answer = messages.get(connection, owner_id, parsed.after, thread_id=parsed.thread_id)
        if answer is not None and answer.message.role == "assistant":
            parent = (answer.message.id,)
    # A message that was copied from another chat keeps its id there.
    return _request(parsed, who, parent=parent, message_id=parsed.message.id if stored is None else None)


def _request(
    parsed: ParsedRequest,
    who: Principal,
    *,
    parent: Literal["leaf", "root"] | tuple[str] = "leaf",
    regenerate: str | None = None,
    message_id: str | None = None,
) -> TurnRequest:
    message = None if regenerate is not None else parsed.message
    return TurnRequest(
        thread_id=parsed.thread_id,
        text=None if message is None else message.text,
        user_message_id=message_id,
        parent=parent,
        regenerate=regenerate,
        requested_model=parsed.model,
        token=who.token,
        tier=who.tier,
        at_most=who.at_most,
        default_instructions=who.instructions,
        feature=who.feature,
        idempotency_key=None if message is None else _key(parsed.thread_id, message),
    )


def _key(thread_id: str, message: UserMessage) -> str:
    """The idempotency key of a message: the same id with another text is another message."""
    named = json.dumps([thread_id, message.id, message.text], ensure_ascii=True)
    return f"ai-sdk:{sha256(named.encode()).hexdigest()}"
