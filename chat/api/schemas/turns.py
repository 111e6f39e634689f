"""Turns: what is wished for, how it stands, and what the model was told."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from chat.api.schemas.fields import MAX_TEXT, Answer, Body, Id, Metadata, NewId, Query, Text
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
        if len(self.words) > MAX_TEXT:
            raise ValueError(f"at most {MAX_TEXT} characters")
        return self

    @property
    def words(self) -> str:
        """What was said, however it was given."""
        return self.text if self.text is not None else "\n\n".join(part.text for part in self.parts or [])


class NewTurn(Body):
    input: TurnInput | None = None
    regenerate: Id | None = Field(default=None, description="An answer to be given anew, as a sibling of it.")
    continue_: Id | None = Field(
        default=None,
        alias="continue",
        description="An answer that stopped before its end: a sibling that begins with what it said and goes on.",
    )
    parent_id: Id | None = Field(
        default=None,
        description="Absent: the visible branch goes on. Null: a new beginning. An id: a branch after that answer.",
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="A tier (simple, standard, complex) or a model's name."
    )
    feature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        default=None, description="What the turn is for: a label to group the ledger by."
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
    after: int = Field(default=0, ge=0, le=2**31 - 1, description="The last seq already seen.")


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
    """One upstream call: what was estimated and what was billed, in the five kinds that are priced apart."""

    purpose: str
    model: str
    outcome: str
    actual_usage: dict[str, int]
    estimated_usage: dict[str, int] | None
    cache_miss: str | None
    cost_usd: str | None


class ContextOut(Answer):
    turn_id: str
    plan: dict[str, Any] | None
    calls: list[CallOut]


class RequestOut(Answer):
    turn_id: str
    digest: str
    exact: bool
    request: dict[str, Any]
