"""Shapes of messages, their parts, usage and ratings."""

from typing import Any, Literal

from pydantic import Field

from chat.api.schemas.fields import Answer, Body, Id, Query, examples


class MessageQuery(Query):
    limit: int = Field(
        default=50, ge=1, le=200, description="Most messages of a page; long ones make it shorter."
    )
    before: Id | None = Field(default=None, description="Id of a message: the page ends with its parent.")
    leaf: Id | None = Field(
        default=None, description="Show the branch that ends here instead of the visible one."
    )


class Rating(Body):
    """A rating of an answer; null takes it back."""

    model_config = examples({"rating": "up"})

    rating: Literal["up", "down"] | None


class TurnErrorOut(Answer):
    code: str
    message: str
    retryable: bool


class UsageOut(Answer):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    reasoning_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class PartOut(Answer):
    """A part: text, reasoning (with `seconds`), or a tool call (`name`, `input`, `result`)."""

    type: str
    text: str | None = None
    seconds: float | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    result: dict[str, Any] | None = None


class MessageOut(Answer):
    id: str
    thread_id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    status: Literal["complete", "streaming", "interrupted", "failed", "cancelled"]
    parts: list[PartOut]
    turn_id: str
    created_at: str
    sibling_ids: list[str]
    model: str | None
    usage: UsageOut | None
    cost_usd: str | None
    finish_reason: str | None
    error: TurnErrorOut | None
    feedback: Literal["up", "down"] | None


class MessagesOut(Answer):
    messages: list[MessageOut]
    has_more: bool
    leaf_id: str | None
