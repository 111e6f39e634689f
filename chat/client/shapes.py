"""What the API answers, as far as the client reads it; a test holds each field to `chat.api.schemas`. Times are RFC 3339 in UTC."""

from typing import Any, Literal

import msgspec

from chat.stream.events import TokenUsage, TurnError

Status = Literal["running", "completed", "failed", "cancelled"]


class ThreadInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A thread. `running_turn_id`: of the turn that answers now; `leaf_id`: the last message of the visible branch."""

    id: str
    title: str | None
    metadata: dict[str, Any]
    created_at: str
    updated_at: str
    archived: bool
    leaf_id: str | None
    unread: bool
    running_turn_id: str | None
    tier: str | None


class ThreadPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some threads, and the cursor behind which the next are."""

    threads: list[ThreadInfo]
    next_cursor: str | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message. `type`: text, reasoning (with `seconds`) or tool (with `name`, `input`, `result`)."""

    type: str
    text: str | None = None
    seconds: float | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    result: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a thread. `sibling_ids`: the message and its other versions, oldest first; `cost_usd` is a decimal number."""

    id: str
    thread_id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    status: Literal["complete", "streaming", "interrupted", "failed", "cancelled"]
    parts: list[Part]
    turn_id: str
    created_at: str
    sibling_ids: list[str]
    model: str | None
    usage: TokenUsage | None
    cost_usd: str | None
    finish_reason: str | None
    error: TurnError | None
    feedback: Literal["up", "down"] | None

    @property
    def text(self) -> str:
        """What was said: the message's text parts."""
        return "".join(part.text or "" for part in self.parts if part.type == "text")


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of a branch, oldest first. `has_more`: older ones are there, before the first of these."""

    messages: list[Message]
    has_more: bool
    leaf_id: str | None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that the server has stored and will answer."""

    id: str
    thread_id: str
    status: Status
    message_id: str
    user_message_id: str


class TurnInfo(Accepted, frozen=True, kw_only=True):
    """A turn. `last_seq`: of the newest event; `message`: the answer as far as it is stored."""

    last_seq: int
    message: Message
    usage: TokenUsage | None
    error: TurnError | None
    created_at: str
    finished_at: str | None
