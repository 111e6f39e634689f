"""Shapes of threads."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from chat.api.schemas.fields import Answer, Body, Id, InstructionsText, Metadata, Query, Title, examples
from context.models.catalog import Tier


class NewThread(Body):
    model_config = examples({"title": "Kiln schedule", "metadata": {"customer": "42"}})

    id: Id | None = None
    title: Title | None = None
    metadata: Metadata | None = None
    instructions: InstructionsText | None = Field(
        default=None, description="For the model, in this thread alone."
    )


class ThreadChange(Body):
    """Only the fields that are present change."""

    model_config = examples({"title": "Glazes"}, {"tier": "complex"}, {"archived": True})

    title: Title | None = None
    archived: bool | None = None
    leaf_id: Id | None = Field(
        default=None, description="Any message of the thread: its newest branch becomes visible."
    )
    metadata: Metadata | None = None
    tier: Literal["simple", "standard", "complex", "auto"] | None = Field(
        default=None,
        description="Pins the tier of turns whose request names no model; `auto` removes the pin.",
    )
    read: Literal[True] | None = Field(default=None, description="Marks everything answered so far as read.")

    @model_validator(mode="after")
    def _no_nulls(self) -> "ThreadChange":
        nulls = [name for name in self.model_fields_set if getattr(self, name) is None]
        if nulls:
            raise ValueError(f"{nulls[0]} must not be null")
        return self


class ThreadQuery(Query):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}:[^:].{0,127}$")] | None = None
    archived: bool = False
    q: Annotated[str, StringConstraints(max_length=200)] | None = None


class ThreadOut(Answer):
    id: str
    title: str | None
    metadata: dict[str, Any]
    created_at: str
    updated_at: str
    archived: bool
    leaf_id: str | None
    unread: bool
    running_turn_id: str | None
    tier: Tier | None = Field(description="The tier pinned for turns whose request names no model.")
    instructions_digest: str | None = Field(description="SHA-256 of its instructions; null without any.")


class ThreadsOut(Answer):
    threads: list[ThreadOut]
    next_cursor: str | None
