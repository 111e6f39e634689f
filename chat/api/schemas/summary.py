"""Shapes of a thread's summary and of edits to it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from chat.api.schemas.fields import Answer, Body, Id, examples, not_blank


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


FactKind = Literal["name", "identifier", "preference", "instruction", "decision", "promise", "question"]


class FactIn(Body):
    """A key fact. No two of a summary have the same kind and subject."""

    kind: FactKind
    subject: Annotated[
        str,
        StringConstraints(min_length=1, max_length=80, pattern=r"^[^\n\r:;]*$"),
        AfterValidator(not_blank),
    ]
    value: Annotated[
        str,
        StringConstraints(min_length=1, max_length=300, pattern=r"^[^\n\r]*$"),
        AfterValidator(not_blank),
    ]
    sources: list[Id] = Field(default=[], max_length=64)
    pinned: bool = False


class SummaryEdit(Body):
    model_config = examples(
        {
            "id": "summary_3",
            "lines": [{"text": "They fire at 1,240 °C.", "sources": ["message_7"], "pinned": True}],
            "facts": [{"kind": "decision", "subject": "glaze", "value": "celadon", "sources": ["message_9"]}],
        }
    )

    id: Id = Field(description="The version this edits.")
    lines: Annotated[list[LineIn], Field(max_length=500)]
    facts: Annotated[list[FactIn], Field(max_length=200)] | None = Field(
        default=None, description="The key facts; absent: they stay as they are."
    )


class LineOut(Answer):
    text: str
    sources: list[str]
    pinned: bool
    segment: str


class FactOut(Answer):
    kind: FactKind
    subject: str
    value: str
    sources: list[str]
    pinned: bool


class PastFactOut(Answer):
    """A key fact that is not one any more. `by`: what stands in its place."""

    fact: FactOut
    reason: Literal["replaced", "removed", "edited", "no_room", "pinned"]
    by: FactOut | None


class SegmentOut(Answer):
    """A part of the summary, oldest first. `level`: how many times its lines were condensed again after they were written."""

    id: str
    level: int
    first_message_id: str
    last_message_id: str
    tokens: int


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
    segments: list[SegmentOut]
    lines: list[LineOut]
    facts: list[FactOut]
    past_facts: list[PastFactOut]
    versions: list[VersionOut]
