"""Store ledger entries: one row per upstream call of any purpose, with exact tokens and cost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, bindparam, func, select, tuple_, update

from context.models.pricing import Usage, pico, usd
from store.tables import ledger_entries
from store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One upstream call.

    `cost` in USD, None when unpriced; `estimated` when the provider's own count never arrived. Times in milliseconds: waiting
    for a slot, then from sending to the first byte of the response, to the first token, to the end.
    """

    id: str
    owner_id: str
    thread_id: str | None
    turn_id: str | None
    token: str | None = None
    feature: str | None = None
    purpose: str
    tier: str | None = None
    requested_model: str
    response_model: str | None
    usage: Usage
    cost: Decimal | None
    price_table: str | None
    estimated: bool
    outcome: str
    status: int | None = None
    attempt: int
    upstream_id: str | None
    queue_ms: int = 0
    first_byte_ms: int | None = None
    first_token_ms: int | None = None
    total_ms: int
    estimated_usage: dict[str, Any] | None = None
    cache_miss: str | None = None
    created_at: int


_OWN = ledger_entries.c.owner_id == bindparam("owner")
_EXPLAIN = update(ledger_entries).where(
    _OWN, ledger_entries.c.id == bindparam("call"), ledger_entries.c.cache_miss.is_not(None)
)
_GET = select(ledger_entries).where(ledger_entries.c.id == bindparam("call"))
_GET_OWN = _GET.where(_OWN)
_SOME = select(ledger_entries).where(ledger_entries.c.id.in_(bindparam("ids", expanding=True)))
_OF_TURN = (
    select(ledger_entries)
    .where(_OWN, ledger_entries.c.turn_id == bindparam("turn"))
    .order_by(ledger_entries.c.attempt, ledger_entries.c.id)
)
_OF_THREAD = (
    select(ledger_entries)
    .where(_OWN, ledger_entries.c.thread_id.is_not_distinct_from(bindparam("thread")))
    .order_by(ledger_entries.c.created_at, ledger_entries.c.id)
)


@cache
def _add(dialect: str) -> Insert:
    added = upsert(dialect, ledger_entries)
    return added.on_conflict_do_update(index_elements=["id"], set_=dict(added.excluded))


def add(connection: Connection, entry: Entry) -> None:
    """Write one entry. It replaces an earlier one of the same call, which was an estimate."""
    values = {name: getattr(entry, name) for name in Entry.__slots__ if name not in {"usage", "cost"}}
    cost = None if entry.cost is None else pico(entry.cost)
    values |= {**asdict(entry.usage), "cost_pico": cost}
    connection.execute(_add(connection.dialect.name), values)


def explain(connection: Connection, owner_id: str, call_id: str, cache_miss: str) -> None:
    """Replace the cause of a cache miss: it is investigated after the entry was written."""
    connection.execute(_EXPLAIN, {"owner": owner_id, "call": call_id, "cache_miss": cache_miss})


def some(connection: Connection, ids: Sequence[str]) -> list[Entry]:
    """Entries by id, of any owner: for settling budgets."""
    return [_value(row) for row in connection.execute(_SOME, {"ids": ids})]


def hold(connection: Connection, rows: Sequence[Entry]) -> bool:
    """Whether exactly these rows, at least one, are stored."""
    stored = {row.id: row for row in some(connection, [row.id for row in rows])}
    return bool(rows) and all(stored.get(row.id) == row for row in rows)


def of_turn(connection: Connection, owner_id: str, turn_id: str) -> list[Entry]:
    """The calls of one turn, in order."""
    return [_value(row) for row in connection.execute(_OF_TURN, {"owner": owner_id, "turn": turn_id})]


def of_thread(connection: Connection, owner_id: str, thread_id: str | None) -> list[Entry]:
    """All calls of a thread, also of a deleted one, oldest first; None: calls that belong to no thread."""
    rows = connection.execute(_OF_THREAD, {"owner": owner_id, "thread": thread_id})
    return [_value(row) for row in rows]


def all_threads(connection: Connection, thread_id: str | None = None) -> list[tuple[str, str | None]]:
    """Owner and thread of all calls, in the order of their first call; with `thread_id` only threads with that id: for the operator."""
    query = (
        select(ledger_entries.c.owner_id, ledger_entries.c.thread_id)
        .group_by(ledger_entries.c.owner_id, ledger_entries.c.thread_id)
        .order_by(
            func.min(ledger_entries.c.created_at),
            ledger_entries.c.owner_id,
            ledger_entries.c.thread_id.nulls_first(),
        )
    )
    if thread_id is not None:
        query = query.where(ledger_entries.c.thread_id == thread_id)
    return [(row.owner_id, row.thread_id) for row in connection.execute(query)]


def page(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], *, after: Entry | None, limit: int
) -> list[Entry]:
    """Calls that meet the conditions, oldest first, starting behind `after`."""
    query = (
        select(ledger_entries)
        .where(*conditions)
        .order_by(ledger_entries.c.created_at, ledger_entries.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(
            tuple_(ledger_entries.c.created_at, ledger_entries.c.id) > tuple_(after.created_at, after.id)
        )
    return [_value(row) for row in connection.execute(query)]


def get(connection: Connection, owner_id: str | None, call_id: str) -> Entry | None:
    """One call of one owner, or of any (None)."""
    query = _GET if owner_id is None else _GET_OWN
    row = connection.execute(query, {"owner": owner_id, "call": call_id}).one_or_none()
    return None if row is None else _value(row)


def _value(row: Any) -> Entry:
    usage = Usage(**{name: getattr(row, name) for name in Usage.__slots__})
    rest = {name: getattr(row, name) for name in Entry.__slots__ if name not in {"usage", "cost"}}
    return Entry(**rest, usage=usage, cost=None if row.cost_pico is None else usd(row.cost_pico))
