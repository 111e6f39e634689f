"""What a client says in a request: the conversation, whose thread it is, and under which key it may come again."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import Headers

from chat.api.schemas.fields import MAX_TEXT
from chat.errors import BadRequest
from chat.protocols.openai.schemas import ChatMessage
from chat.protocols.thread_ids import thread_of
from chat.turns.turn_request import HistoryMessage
from context.messages import Role
from context.request.prompts import MAX_INSTRUCTIONS

THREAD_HEADERS = ("palaver-thread", "x-openwebui-chat-id")
MESSAGE_HEADERS = ("idempotency-key", "x-openwebui-message-id")
TASK_HEADER = "x-openwebui-task"
PLACEHOLDER = "{{"
"""What is in the value of a header whose template was not filled in: LibreChat sends titles like that."""
BETWEEN = "\n\n"  # between two texts of one message
OPENING = "(The assistant speaks first.)"
"""Stands for the user's first message where a conversation begins with an answer: to a model, the user always begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """`messages` begin and end with the user's, and the roles alternate. An answer that the client left out is an empty one."""

    system: tuple[str, ...]
    messages: tuple[HistoryMessage, ...]

    @property
    def instructions(self) -> str | None:
        """The system messages as the instructions of a thread. Raises BadRequest when they are too long."""
        text = BETWEEN.join(self.system)
        if len(text) > MAX_INSTRUCTIONS:
            raise BadRequest(
                f"messages: in a thread at most {MAX_INSTRUCTIONS} characters of instructions",
                param="messages",
            )
        return text or None

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(map(len, self.system)) + sum(len(message.text) for message in self.messages)


def conversation_of(messages: list[ChatMessage]) -> Conversation:
    """The conversation in a request's messages. Raises BadRequest."""
    system: list[str] = []
    merged: list[tuple[Role, list[str]]] = []  # roles alternate; the texts of each message
    for index, message in enumerate(messages):
        text = _text(message, f"messages.{index}")
        if message.role in ("system", "developer"):
            if text.strip():
                system.append(text)
            continue
        role: Role = "assistant" if message.role == "assistant" else "user"
        if role == "assistant" and merged and merged[-1][0] == "assistant":
            merged[-1][1].append(text)
            continue
        if not merged and role == "assistant":
            merged.append(("user", [OPENING]))
        if role == "user" and merged and merged[-1][0] == "user":
            merged.append(("assistant", []))
        merged.append((role, [text]))
    history = [HistoryMessage(role, BETWEEN.join(filter(None, texts))) for role, texts in merged]
    if not history or history[-1].role != "user" or not history[-1].text.strip():
        raise BadRequest("messages: the last message must be the user's, with some text", param="messages")
    if not history[0].text.strip():
        history[0] = HistoryMessage("user", OPENING)
    return Conversation(system=tuple(system), messages=tuple(history))


def text_length(message: ChatMessage) -> int:
    """Characters of a message's texts."""
    if message.content is None or isinstance(message.content, str):
        return len(message.content or "")
    return sum(len(part.text or "") for part in message.content)


def _text(message: ChatMessage, where: str) -> str:
    if message.role in ("tool", "function") or message.tool_calls:
        raise BadRequest(f"{where}: tools of the client are not used here", param="messages")
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    if any(part.type not in ("text", "input_text", "output_text", "refusal") for part in content):
        raise BadRequest(f"{where}: only text can be sent to this chat", param="messages")
    text = BETWEEN.join(part.text for part in content if part.text)
    if len(text) > MAX_TEXT:
        raise BadRequest(f"{where}: at most {MAX_TEXT} characters", param="messages")
    return text


def thread_named(headers: Headers) -> str | None:
    """Id of the thread that a request is bound to; None for one that is answered by itself: without a thread, or a frontend's side request."""
    if _value(headers, TASK_HEADER) is not None:
        return None
    name = next(filter(None, (_value(headers, header) for header in THREAD_HEADERS)), None)
    return None if name is None else thread_of(name)


def is_side_request(headers: Headers) -> bool:
    """Whether a frontend asks for a title, tags or the like beside the conversation."""
    return _value(headers, TASK_HEADER) is not None


def key_of(headers: Headers, thread_id: str, messages: tuple[HistoryMessage, ...]) -> str | None:
    """The idempotency key of a message, where the client names it: the same id with another conversation is another message."""
    name = next(filter(None, (_value(headers, header) for header in MESSAGE_HEADERS)), None)
    if name is None:
        return None
    named = json.dumps([thread_id, name, [[each.role, each.text] for each in messages]], ensure_ascii=True)
    return f"openai:{sha256(named.encode()).hexdigest()}"


def _value(headers: Headers, name: str) -> str | None:
    """A header's value; None where it is empty, or a template that nobody filled in."""
    value = headers.get(name, "").strip()
    return None if not value or PLACEHOLDER in value else value


def same(stored: str, reported: str, *, whole: bool) -> bool:
    """Whether a stored message is the one a client tells. Of an answer that broke off (not `whole`) it may have heard less, or more."""
    stored, reported = _plain(stored), _plain(reported)
    return stored == reported or (not whole and (stored.startswith(reported) or reported.startswith(stored)))


def _plain(text: str) -> str:
    return re.sub(r"\r\n?", "\n", text).strip()
