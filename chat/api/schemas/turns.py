"""Shapes of turns, their requests and their context reports."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from chat.api.schemas.fields import MAX_TEXT, Answer, Body, Id, Metadata, NewId, Query, Text, examples
from chat.api.schemas.messages import MessageOut, TurnErrorOut, UsageOut


class TextInput(Body):
    type: Literal["text"] = "text"
    text: Text


class TurnInput(Body):
    text: Text | None = None
    parts: Annotated[list[TextInput], Field(min_length=1, max_length=32)] | None = None
    message_id: NewId | None = Field(default=None, description="The client's own id for the user's message.")

    @model_validator(mode="after")
    def _one_form(self) -> "TurnInput":
        if (self.text is None) == (self.parts is None):
            raise ValueError("give either text or parts")
        if len(self.joined) > MAX_TEXT:
            raise ValueError(f"at most {MAX_TEXT} characters")
        return self

    @property
    def joined(self) -> str:
        """The message's text: `text`, or all `parts` with empty lines between."""
        return self.text if self.text is not None else "\n\n".join(part.text for part in self.parts or [])


class NewTurn(Body):
    model_config = examples(
        {"input": {"text": "Why do kilns cool slowly?"}},
        {"input": {"text": "And a small one?"}, "parent_id": "message_2", "model": "simple"},
        {"regenerate": "message_2"},
        {"continue": "message_2"},
    )

    input: TurnInput | None = None
    regenerate: Id | None = Field(default=None, description="Id of an answer to write again, as its sibling.")
    continue_: Id | None = Field(
        default=None,
        alias="continue",
        description="Id of an answer that broke off: writes a sibling that begins with the same text and goes on.",
    )
    parent_id: Id | None = Field(
        default=None,
        description="Absent: continue the visible branch. Null: start at the root. An id: branch after that answer.",
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="A tier (simple, standard, complex) or a model's name."
    )
    feature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        default=None, description="A label to group usage by."
    )
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _one_action(self) -> "NewTurn":
        if [self.input, self.regenerate, self.continue_].count(None) != 2:
            raise ValueError("give one of input, regenerate and continue")
        if self.input is None and "parent_id" in self.model_fields_set:
            raise ValueError("regenerate and continue have their own parent; leave parent_id out")
        return self


class FollowQuery(Query):
    after: int = Field(default=0, ge=0, le=2**31 - 1, description="The last seq received.")


class TurnAccepted(Answer):
    id: str
    thread_id: str
    status: Literal["running", "completed", "failed", "cancelled"]
    message_id: str
    user_message_id: str


class TurnOut(TurnAccepted):
    last_seq: int
    message: MessageOut
    usage: UsageOut | None
    error: TurnErrorOut | None
    created_at: str
    finished_at: str | None


class CallOut(Answer):
    """One upstream call: estimated and actual usage, in the five kinds of tokens that have their own price."""

    purpose: str
    model: str
    outcome: str
    actual_usage: dict[str, int]
    estimated_usage: dict[str, int] | None
    cache_miss: str | None
    cost_usd: str | None


class ContextOut(Answer):
    """The context report of a turn: the stored plan with its reasons, and the calls it led to."""

    turn_id: str
    plan: dict[str, Any] | None
    calls: list[CallOut]


class RequestOut(Answer):
    """The request to the model, rebuilt. `exact`: its digest equals the one stored before it was sent."""

    turn_id: str
    digest: str
    exact: bool
    request: dict[str, Any]
