"""The ledger: which calls are meant, and their sums."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from chat.api.schemas.fields import Answer, Id, Query
from store.ledger.aggregates import DIMENSIONS, LABELS
from store.ledger.aggregates import Label as LabelName

Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LedgerQuery(Query):
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


def _dimensions(value: str) -> str:
    named = value.split(",")
    if len(set(named)) < len(named):
        raise ValueError("names a dimension twice")
    return value


DIMENSION = f"(?:{'|'.join(DIMENSIONS)})"


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


class TokensOut(Answer):
    """Tokens by what they cost; they do not overlap, except `reasoning`, which is part of `output`."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int


class FirstTokenOut(Answer):
    """Milliseconds from sending a call to its first words: half of the calls, and 95 of 100, were at least as quick."""

    p50: float
    p95: float


class UsageGroup(Answer):
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


class UsageReport(Answer):
    start: str
    end: str = Field(description="Calls before this moment are in it.")
    time_zone: str
    group_by: list[str]
    groups: list[UsageGroup] = Field(description="Newest day first, then dearest first.")
    more: bool = Field(description="Whether there were more groups than asked for.")
    total: UsageGroup = Field(description="Over all groups, also those left out.")
    top_model: str
