"""Shapes of usage reports and of ledger exports."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from chat.api.schemas.fields import Answer, Id, Query
from store.ledger.aggregates import DIMENSIONS, LABELS
from store.ledger.aggregates import Label as LabelName

Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LedgerQuery(Query):
    """Selects calls of the ledger by time and label."""

    since: str | None = Field(
        default=None,
        alias="from",
        max_length=40,
        description="Start: a day or a time (RFC 3339); default: 30 days before the end.",
    )
    until: str | None = Field(
        default=None,
        alias="to",
        max_length=40,
        description="End: a day (included) or a time (excluded); default: now.",
    )
    time_zone: str = Field(
        default="UTC", max_length=60, description="IANA name of the time zone whose days are meant."
    )
    scope: Literal["own", "all"] = Field(
        default="own", description="`all`: the whole deployment; needs admin rights."
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
        """The labels that a call must have."""
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
    ] = Field(default="day", description=f"Up to four of {', '.join(DIMENSIONS)}, separated by commas.")
    limit: int = Field(default=1_000, ge=1, le=10_000, description="Maximum number of groups.")
    format: Literal["json", "csv"] | None = Field(default=None, description="Overrides the `Accept` header.")


class CallsQuery(LedgerQuery):
    after: Id | None = Field(default=None, description="Id of the last call already read.")
    limit: int = Field(default=10_000, ge=1, le=100_000, description="Maximum number of calls.")
    format: Literal["jsonl", "csv"] | None = Field(default=None, description="Overrides the `Accept` header.")


class TokensOut(Answer):
    """Tokens by kind of price. Kinds do not overlap, except that `reasoning` is part of `output`."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int


class FirstTokenOut(Answer):
    """Milliseconds from sending a call to its first token: median and 95th percentile."""

    p50: float
    p95: float


class UsageGroup(Answer):
    """Sums over some calls. Amounts are exact decimal numbers as strings."""

    group: dict[str, str | None] = Field(description="The value of each dimension of `group_by`.")
    calls: int
    ok: int
    refused: int
    cancelled: int
    failed: int
    estimated: int = Field(
        description="Calls whose token count is estimated, because the stream broke, was cancelled or the process crashed."
    )
    unpriced: int = Field(description="Calls of models without a price; no amount includes them.")
    tokens: TokensOut
    cost_usd: str | None = Field(description="Cost of the priced calls; null when there are none.")
    first_token_ms: FirstTokenOut | None
    top_model_usd: str | None = Field(
        description="Cost of the priced calls if all had used the top model with nothing cached."
    )
    saved_usd: str | None = Field(description="`top_model_usd` minus `cost_usd`.")


class UsageReport(Answer):
    start: str
    end: str = Field(description="Excluded: calls before this time are counted.")
    time_zone: str
    group_by: list[str]
    groups: list[UsageGroup] = Field(description="Newest day first, then most expensive first.")
    more: bool = Field(description="Whether there are more groups than `limit`.")
    total: UsageGroup = Field(description="Over all groups, including those beyond `limit`.")
    top_model: str


class RoutingReport(Answer):
    """What routing saved, over threads whose replies all have a price. Amounts are exact decimal numbers as strings."""

    start: str
    end: str = Field(description="Excluded: calls before this time are counted.")
    time_zone: str
    threads: int
    turns: int = Field(description="Replies of these threads.")
    cost_usd: str = Field(description="Cost of their replies and keep-alives.")
    single_tier_usd: str = Field(
        description="Cost if each thread had used its best single tier that would have been good enough: the highest that answered, or one above."
    )
    saved_usd: str = Field(description="`single_tier_usd` minus `cost_usd`.")
    needed_more: int = Field(
        description="Turns that the highest tier of their thread answered, in threads where lower tiers answered too."
    )
    surplus_usd: str = Field(
        description="What these threads cost more than on the tier below the highest alone: the price of the turns that needed more."
    )
    more: bool = Field(description="Whether the period has more calls than were compared, the oldest first.")
