"""Tables of the usage ledger: entries, open calls, budget counters."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlmodel import Field, SQLModel


class LedgerEntryRow(SQLModel, table=True):
    """One upstream call of any purpose. It is kept when its thread is deleted."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index("ledger_entries_by_time", "owner_id", "created_at"),
        Index("ledger_entries_by_day", "created_at"),
        Index("ledger_entries_by_turn", "turn_id"),
    )
    id: str = Field(primary_key=True)
    owner_id: str
    thread_id: str | None = None
    turn_id: str | None = None
    token: str | None = None
    feature: str | None = None
    purpose: str
    tier: str | None = None
    requested_model: str
    response_model: str | None = None
    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    # Picodollars, so that sums are exact. NULL is "unpriced", never zero.
    cost_pico: int | None = Field(default=None, sa_type=BigInteger)
    price_table: str | None = None
    estimated: bool
    outcome: str
    status: int | None = None  # of the HTTP response, where there was one
    attempt: int
    upstream_id: str | None = None
    queue_ms: int = 0
    first_byte_ms: int | None = None
    first_token_ms: int | None = None
    total_ms: int
    # Tokens by kind, as the plan estimated them.
    estimated_usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    cache_miss: str | None = None  # why an estimated cache read did not happen
    created_at: int = Field(sa_type=BigInteger)


class OpenCallRow(SQLModel, table=True):
    """An upstream call in flight. It has no ledger entry yet; its id is the one that entry will have."""

    __tablename__ = "open_calls"
    __table_args__ = (Index("open_calls_by_turn", "turn_id"), Index("open_calls_by_time", "created_at"))
    id: str = Field(primary_key=True)
    owner_id: str
    thread_id: str | None = None
    turn_id: str | None = None
    token: str | None = None
    feature: str | None = None
    purpose: str
    tier: str | None = None
    model: str
    attempt: int
    prompt: int  # expected tokens
    holder: str  # the process that makes the call
    # Budget reservations: key, period_start, amount.
    reserved: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    lease_until: int | None = Field(default=None, sa_type=BigInteger)  # renewed while the process lives


class BudgetRow(SQLModel, table=True):
    """How much of one budget is used and reserved in one period: picodollars, tokens or requests."""

    __tablename__ = "budgets"
    __table_args__ = (Index("budgets_by_period", "period_start"),)
    key: str = Field(primary_key=True)  # scope, unit and period, as in context.limits.budgets
    period_start: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    used: int = Field(sa_type=BigInteger)
    reserved: int = Field(sa_type=BigInteger)
    alerted: int = 0  # the highest threshold, in per cent, an alert was sent for
    refused_at: int | None = Field(
        default=None, sa_type=BigInteger
    )  # when the budget first refused something
