"""The shapes of requests and answers. Requests forbid unknown fields; answers leave absent fields null."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from context.catalog import Tier
from context.recipe import is_reserved
from store.reports import DIMENSIONS, LABELS
from store.reports import Label as LabelName

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}$"
MAX_TEXT = 400_000  # characters of one message
MAX_METADATA = 16_384  # bytes as JSON


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value)) > MAX_METADATA:
        raise ValueError(f"must be at most {MAX_METADATA} bytes as JSON")
    return value


def _free(value: str) -> str:
    if is_reserved(value):
        raise ValueError("is a name this server keeps for itself")
    return value


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
NewId = Annotated[Id, AfterValidator(_free)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(_not_blank)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_not_blank)]
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]


Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewThread(_Request):
    id: Id | None = None
    title: Title | None = None
    metadata: Metadata | None = None


class ThreadChange(_Request):
    """Only the fields that are present change."""

    title: Title | None = None
    archived: bool | None = None
    leaf_id: Id | None = Field(
        default=None, description="Any message of the thread: its newest branch becomes visible."
    )
    metadata: Metadata | None = None
    tier: Literal["simple", "standard", "complex", "auto"] | None = Field(
        default=None, description="Pins the tier of turns that ask for none; `auto` takes the pin off."
    )
    read: Literal[True] | None = Field(
        default=None, description="The owner has seen everything answered so far."
    )

    @model_validator(mode="after")
    def _no_nulls(self) -> "ThreadChange":
        nulls = [name for name in self.model_fields_set if getattr(self, name) is None]
        if nulls:
            raise ValueError(f"{nulls[0]} must not be null")
        return self


class TextInput(_Request):
    type: Literal["text"] = "text"
    text: Text


class TurnInput(_Request):
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


class NewTurn(_Request):
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
    def _one_wish(self) -> "NewTurn":
        if [self.input, self.regenerate, self.continue_].count(None) != 2:
            raise ValueError("give one of input, regenerate and continue")
        if self.input is None and "parent_id" in self.model_fields_set:
            raise ValueError("regenerate and continue have their own parent; leave parent_id out")
        return self


class Rating(_Request):
    rating: Literal["up", "down"] | None


class _Query(_Request):
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class ThreadQuery(_Query):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}:[^:].{0,127}$")] | None = None
    archived: bool = False
    q: Annotated[str, StringConstraints(max_length=200)] | None = None


class MessageQuery(_Query):
    limit: int = Field(default=50, ge=1, le=200)
    before: Id | None = Field(default=None, description="A message id: the page ends with its parent.")
    leaf: Id | None = Field(
        default=None, description="Show the branch that ends here instead of the visible one."
    )


class SearchQuery(_Query):
    q: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    limit: int = Field(default=20, ge=1, le=100)
    thread_id: Id | None = None


class FollowQuery(_Query):
    after: int = Field(default=0, ge=0, le=2**31 - 1, description="The last seq already seen.")


def _dimensions(value: str) -> str:
    named = value.split(",")
    if len(set(named)) < len(named):
        raise ValueError("names a dimension twice")
    return value


DIMENSION = f"(?:{'|'.join(DIMENSIONS)})"


class LedgerQuery(_Query):
    """Which calls of the ledger are meant."""

    since: str | None = Field(
        default=None,
        alias="from",
        max_length=40,
        description="A day or a moment (RFC 3339); 30 days before the end.",
    )
    until: str | None = Field(
        default=None,
        alias="to",
        max_length=40,
        description="A day, which is included, or a moment, which is not; now.",
    )
    time_zone: str = Field(default="UTC", max_length=60, description="Whose days: an IANA name.")
    scope: Literal["own", "all"] = Field(
        default="own", description="`all`: the whole deployment, with admin rights only."
    )
    model: Label | None = None
    user: Label | None = None
    thread: Label | None = None
    purpose: Label | None = None
    feature: Label | None = None
    tier: Label | None = None
    outcome: Label | None = None
    token: Label | None = None

    @property
    def only(self) -> dict[LabelName, str]:
        """The labels a call must have."""
        return {name: value for name in LABELS if (value := getattr(self, name)) is not None}


class UsageQuery(LedgerQuery):
    group_by: Annotated[
        str, StringConstraints(pattern=f"^{DIMENSION}(?:,{DIMENSION}){{0,3}}$"), AfterValidator(_dimensions)
    ] = Field(default="day", description=f"Up to four of {', '.join(DIMENSIONS)}, with commas.")
    limit: int = Field(default=1_000, ge=1, le=10_000, description="Most groups.")
    format: Literal["json", "csv"] | None = Field(default=None, description="Instead of an `Accept` header.")


class CallsQuery(LedgerQuery):
    after: Id | None = Field(default=None, description="The id of the last call read before.")
    limit: int = Field(default=10_000, ge=1, le=100_000, description="Most calls.")
    format: Literal["jsonl", "csv"] | None = Field(default=None, description="Instead of an `Accept` header.")


class BudgetQuery(_Query):
    thread_id: Id | None = None


class NoQuery(_Query):
    pass


class SpentBudgetOut(_Answer):
    scope: str
    unit: str
    period: str
    resets_at: str


class ErrorBody(_Answer):
    """`budget` is there only when a budget refused."""

    message: str
    type: str
    code: str
    param: str | None
    retryable: bool
    request_id: str
    budget: SpentBudgetOut | None = None


class ErrorAnswer(_Answer):
    error: ErrorBody


class TurnErrorOut(_Answer):
    code: str
    message: str
    retryable: bool


class UsageOut(_Answer):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    reasoning_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class PartOut(_Answer):
    """A text, a reasoning, or the use of a tool (`name`, `input`, `result`)."""

    type: str
    text: str | None = None
    seconds: float | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    result: dict[str, Any] | None = None


class MessageOut(_Answer):
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


class MessagesOut(_Answer):
    messages: list[MessageOut]
    has_more: bool
    leaf_id: str | None


class ThreadOut(_Answer):
    id: str
    title: str | None
    metadata: dict[str, Any]
    created_at: str
    updated_at: str
    archived: bool
    leaf_id: str | None
    unread: bool
    running_turn_id: str | None
    tier: Tier | None = Field(description="The tier pinned for turns that ask for none.")


class ThreadsOut(_Answer):
    threads: list[ThreadOut]
    next_cursor: str | None


class TurnAccepted(_Answer):
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


class CallOut(_Answer):
    """One upstream call: what was foreseen and what was billed, in the five kinds that are priced apart."""

    purpose: str
    model: str
    outcome: str
    billed: dict[str, int]
    predicted: dict[str, int] | None
    shortfall: str | None
    cost_usd: str | None


class ContextOut(_Answer):
    turn_id: str
    plan: dict[str, Any] | None
    calls: list[CallOut]


class RequestOut(_Answer):
    turn_id: str
    digest: str
    exact: bool
    request: dict[str, Any]


class SnippetOut(_Answer):
    text: str
    match: bool


class SearchHit(_Answer):
    thread_id: str
    thread_title: str | None
    message_id: str
    role: str
    created_at: str
    snippet: list[SnippetOut]


class SearchOut(_Answer):
    results: list[SearchHit]


class LineIn(_Request):
    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=600, pattern=r"^[^\n\r]*$"),
        AfterValidator(_not_blank),
    ]
    sources: Annotated[list[Id], Field(max_length=64)] = []
    pinned: bool = False
    segment: Id | None = Field(
        default=None, description="The segment the line belongs to; absent: the newest."
    )


class SummaryEdit(_Request):
    id: Id = Field(description="The version this is a correction of.")
    lines: Annotated[list[LineIn], Field(max_length=500)]


class PresenceIn(_Request):
    state: Literal["visible", "open", "gone"]


class LineOut(_Answer):
    text: str
    sources: list[str]
    pinned: bool
    segment: str


class VersionOut(_Answer):
    id: str
    upto_message_id: str
    origin: str
    active: bool
    created_at: str


class SummaryOut(_Answer):
    """`upto_message_id` is the last message the summary stands for: the page's marker goes behind it."""

    id: str | None
    upto_message_id: str | None
    tokens: int
    lines: list[LineOut]
    versions: list[VersionOut]


class BudgetOut(_Answer):
    """Amounts as decimal strings in the unit; null where they are shared with other users. `near`: answers become cheaper."""

    scope: str
    name: str | None
    unit: str
    period: str
    limit: str | None
    used: str | None
    reserved: str | None
    near: bool
    resets_at: str


class BudgetsOut(_Answer):
    budgets: list[BudgetOut]


class ModelOut(_Answer):
    id: str
    label: str
    tier: str


class InfoOut(_Answer):
    version: str
    protocol: str
    backend: Literal["local", "claude"]
    notice: str | None
    window_tokens: int
    models: list[ModelOut]


class HealthOut(_Answer):
    status: str
    checks: dict[str, str] = {}


class TokensOut(_Answer):
    """Tokens by what they cost; they do not overlap, except `reasoning`, which is part of `output`."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int


class FirstTokenOut(_Answer):
    """Milliseconds from sending a call to its first words: half of the calls, and 95 of 100, were at least as quick."""

    p50: float
    p95: float


class UsageGroup(_Answer):
    """Some calls together. Amounts are exact decimal numbers as text."""

    group: dict[str, str | None] = Field(description="The value of each dimension asked for.")
    calls: int
    ok: int
    refused: int
    cancelled: int
    failed: int
    estimated: int = Field(description="Calls whose count never arrived: cut, cancelled or crashed.")
    unpriced: int = Field(description="Calls of models without a price; they are in no amount.")
    tokens: TokensOut
    cost_usd: str | None = Field(description="Of the priced calls; null when there are none.")
    first_token_ms: FirstTokenOut | None
    top_model_usd: str | None = Field(
        description="What the priced calls would have cost on the top model with nothing cached."
    )
    saved_usd: str | None = Field(description="How much less they did cost.")


class UsageReport(_Answer):
    start: str
    end: str = Field(description="Calls before this moment are in it.")
    time_zone: str
    group_by: list[str]
    groups: list[UsageGroup] = Field(description="Newest day first, then dearest first.")
    more: bool = Field(description="Whether there were more groups than asked for.")
    total: UsageGroup = Field(description="Over all groups, also those left out.")
    top_model: str
