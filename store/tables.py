"""The tables, as SQLModel classes. Column comments say what a name cannot.

Threads and messages may be named by clients, so their ids are unique per owner only; all other ids are ours.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

# An autoincrement key must be INTEGER on SQLite to be the rowid, and is BIGINT elsewhere.
Key = BigInteger().with_variant(Integer, "sqlite")


def _of_thread() -> ForeignKeyConstraint:
    """What belongs to a thread goes with it."""
    return ForeignKeyConstraint(
        ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
    )


class UserRow(SQLModel, table=True):
    __tablename__ = "users"
    id: str = Field(primary_key=True)
    name: str
    created_at: int = Field(sa_type=BigInteger)


class ThreadRow(SQLModel, table=True):
    __tablename__ = "threads"
    __table_args__ = (Index("threads_by_update", "owner_id", "updated_at", "id"),)
    owner_id: str = Field(primary_key=True, foreign_key="users.id")
    id: str = Field(primary_key=True)
    title: str | None = None
    title_source: str | None = (
        None  # user, model or derived: only a derived title may be replaced by the model
    )
    meta: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    archived_at: int | None = Field(default=None, sa_type=BigInteger)
    leaf_id: str | None = None
    tier_pin: str | None = None  # the tier its user wants for all turns that name none
    answered_pk: int = Field(
        default=0, sa_type=BigInteger
    )  # newest finished answer, and the newest one seen:
    read_pk: int = Field(
        default=0, sa_type=BigInteger
    )  # a thread is unread while the first is past the second


class MessageRow(SQLModel, table=True):
    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("owner_id", "id", name="messages_id"),
        _of_thread(),
        # No foreign key on parent_id: a cascade down a long branch would exceed SQLite's trigger depth.
        Index("messages_by_parent", "owner_id", "thread_id", "parent_id", "pk"),
        # Everything recall knows of a message before it reads it: thousands are looked at without touching their texts.
        Index(
            "messages_outline",
            *(
                "owner_id",
                "thread_id",
                "depth",
                "pk",
                "id",
                "parent_id",
                "role",
                "tokens",
                "refused",
                "created_at",
            ),
        ),
        {"sqlite_autoincrement": True},
    )
    pk: int | None = Field(default=None, sa_column=Column(Key, primary_key=True, autoincrement=True))
    owner_id: str
    id: str
    thread_id: str
    parent_id: str | None = None
    depth: int
    role: str
    status: str
    parts: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    tokens: int
    refused: bool = False
    turn_id: str
    model: str | None = None
    finish_reason: str | None = None
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    cost_usd: str | None = None
    feedback: str | None = None
    created_at: int = Field(sa_type=BigInteger)


class TurnRow(SQLModel, table=True):
    __tablename__ = "turns"
    __table_args__ = (
        _of_thread(),
        Index("turns_idempotency", "owner_id", "idempotency_key", unique=True),
        Index(
            "turns_one_running",
            "owner_id",
            "thread_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "turns_running",
            "lease_until",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index("turns_finished", "finished_at"),
        Index("turns_by_thread", "owner_id", "thread_id"),
    )
    id: str = Field(primary_key=True)
    owner_id: str
    thread_id: str
    user_message_id: str
    message_id: str
    status: str
    requested_model: str | None = None  # the tier or model the request named
    token: str | None = None  # the name of the access token it came with
    feature: str | None = None  # what the client says it is for: a label to group the ledger by
    idempotency_key: str | None = None
    fingerprint: str
    meta: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    window_start: str | None = (
        None  # first window message of this turn, or of the turn it follows until it is planned
    )
    plan: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    last_seq: int  # while running: of the first events only; the log itself is the authority
    lease_holder: str | None = None
    lease_until: int = Field(default=0, sa_type=BigInteger)
    cancel_requested: bool = False
    log_kept: bool = True
    created_at: int = Field(sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger)


class TurnEventRow(SQLModel, table=True):
    __tablename__ = "turn_events"
    __table_args__ = (
        ForeignKeyConstraint(["turn_id"], ["turns.id"], ondelete="CASCADE"),
        {"sqlite_with_rowid": False},
    )
    turn_id: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    payload: str = Field(sa_column=Column(Text, nullable=False))  # the event's JSON exactly as it is sent


class SummaryRow(SQLModel, table=True):
    """A version of the summary of everything up to one message. Never changed, except that it may cease to be active."""

    __tablename__ = "summaries"
    __table_args__ = (
        _of_thread(),
        Index(
            "summaries_active",
            "owner_id",
            "thread_id",
            "upto_message_id",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
        Index("summaries_by_thread", "owner_id", "thread_id", "upto_message_id", "created_at"),
    )
    id: str = Field(primary_key=True)
    owner_id: str
    thread_id: str
    upto_message_id: str
    upto_depth: int
    leaf_id: str | None = (
        None  # the newest user message when it was made: see context.request.summary_blocks.may_stand
    )
    based_on: str | None = None  # the version this one was made from
    segments: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    active: bool
    origin: str  # model, user or import
    prompt_digest: str | None = None  # of the summarizer's instructions
    created_at: int = Field(sa_type=BigInteger)


class CacheStateRow(SQLModel, table=True):
    """What is known of one model's cache for one thread, as JSON, and when it wants attention next."""

    __tablename__ = "cache_states"
    __table_args__ = (
        _of_thread(),
        Index("cache_states_due", "next_at"),
    )
    owner_id: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    state: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    turn_id: str  # the turn whose request the cache state sent last
    next_at: int | None = Field(default=None, sa_type=BigInteger)


class LearnedStatRow(SQLModel, table=True):
    """What the service has learned over all threads: the histogram of gaps, each model's tokens per kind of text."""

    __tablename__ = "learned_stats"
    name: str = Field(primary_key=True)
    value: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class LedgerEntryRow(SQLModel, table=True):
    """One upstream call of any purpose. It outlives the thread it belongs to: a ledger forgets nothing."""

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
    cost_pico: int | None = Field(
        default=None, sa_type=BigInteger
    )  # picodollars, so that sums are exact; NULL is "unpriced", never zero
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
    estimated_usage: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True))
    )  # kinds, as estimated
    cache_miss: str | None = None  # why a cache read that was estimated did not happen
    created_at: int = Field(sa_type=BigInteger)


class BudgetRow(SQLModel, table=True):
    """How much of one budget is used and set aside in one period. Money in picodollars, else tokens or requests."""

    __tablename__ = "budgets"
    __table_args__ = (Index("budgets_by_period", "period_start"),)
    key: str = Field(primary_key=True)  # scope, unit and period, as in context.limits.budgets
    period_start: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    used: int = Field(sa_type=BigInteger)
    reserved: int = Field(sa_type=BigInteger)
    alerted: int = 0  # the highest share, in per cent, somebody was told of
    refused_at: int | None = Field(default=None, sa_type=BigInteger)  # when something first did not fit


class BudgetAlertRow(SQLModel, table=True):
    """News of a budget that the operator's webhook has not taken yet."""

    __tablename__ = "budget_alerts"
    __table_args__ = (Index("budget_alerts_due", "next_at"),)
    id: str = Field(primary_key=True)
    body: str = Field(sa_column=Column(Text, nullable=False))  # the JSON exactly as it is sent
    tries: int
    next_at: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class OpenCallRow(SQLModel, table=True):
    """An upstream call that is on its way: it has no ledger row yet; its id is the one that row will have."""

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
    reserved: list[dict[str, Any]] = Field(
        sa_column=Column(JSON, nullable=False)
    )  # what budgets set aside: key, period_start, amount
    created_at: int = Field(sa_type=BigInteger)
    lease_until: int | None = Field(default=None, sa_type=BigInteger)  # renewed while the process lives


class VectorRow(SQLModel, table=True):
    """What a message means, as an embedding model sees it. A message may have none yet; an empty one says there is nothing to see."""

    __tablename__ = "message_vectors"
    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
        ),
        {"sqlite_with_rowid": False},  # a thread's vectors lie side by side, as they are read
    )
    owner_id: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    pk: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))  # the message's
    vector: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PromptRow(SQLModel, table=True):
    """System prompts by digest, so that a turn can be replayed after its prompt was changed."""

    __tablename__ = "prompts"
    digest: str = Field(sa_column=Column(String(64), primary_key=True))
    name: str
    version: int
    body: str = Field(sa_column=Column(Text, nullable=False))


def _table(row: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(row.__tablename__)]


users = _table(UserRow)
threads = _table(ThreadRow)
messages = _table(MessageRow)
message_vectors = _table(VectorRow)
turns = _table(TurnRow)
turn_events = _table(TurnEventRow)
summaries = _table(SummaryRow)
cache_states = _table(CacheStateRow)
learned = _table(LearnedStatRow)
usage = _table(LedgerEntryRow)
budgets = _table(BudgetRow)
alerts = _table(BudgetAlertRow)
open_calls = _table(OpenCallRow)
prompts = _table(PromptRow)
metadata = SQLModel.metadata
