"""Tables of the context engine: the state of prompt caches, and statistics learned over all threads."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from store.tables.columns import of_thread


class CacheStateRow(SQLModel, table=True):
    """The state of one model's prompt cache for one thread, as JSON. `next_at`: when keep-alive has to decide next."""

    __tablename__ = "cache_states"
    __table_args__ = (
        of_thread(),
        Index("cache_states_due", "next_at"),
    )
    owner_id: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    state: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    turn_id: str  # the turn whose request was sent last
    next_at: int | None = Field(default=None, sa_type=BigInteger)


class CompactionClaimRow(SQLModel, table=True):
    """The thread that a replica is compacting. `lease_until`: by the database's clock, in milliseconds."""

    __tablename__ = "compaction_claims"
    __table_args__ = (of_thread(),)
    owner_id: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    holder: str
    lease_until: int = Field(sa_type=BigInteger)


class LearnedStatRow(SQLModel, table=True):
    """What was learned over all threads, by name: histograms of idle gaps, each model's tokens per kind of text."""

    __tablename__ = "learned_stats"
    name: str = Field(primary_key=True)
    value: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
