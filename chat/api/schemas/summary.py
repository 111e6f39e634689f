"""Shapes of a thread's summary and of edits to it."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chat.api.schemas.fields import Answer, Body, Id, not_blank


class LineIn(Body):
    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=600, pattern=r"^[^\n\r]*$"),
        AfterValidator(not_blank),
    ]
    sources: list[Id] = Field(default=[], max_length=64)
    pinned: bool = False
    segment: Id | None = Field(
        default=None, description="The segment the line belongs to; absent: the newest."
    )


class SummaryEdit(Body):
    id: Id = Field(description="The version this edits.")
    lines: Annotated[list[LineIn], Field(max_length=500)]


class LineOut(Answer):
    text: str
    sources: list[str]
    pinned: bool
    segment: str


class VersionOut(Answer):
    id: str
    upto_message_id: str
    origin: str
    active: bool
    created_at: str


class SummaryOut(Answer):
    """`upto_message_id` is the last message the summary stands for; all fields but `versions` are empty without a summary."""

    id: str | None
    upto_message_id: str | None
    tokens: int
    lines: list[LineOut]
    versions: list[VersionOut]
