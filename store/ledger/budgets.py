"""Budget counters: reserve the worst case of a call, settle what it used. One row per budget, subject and period.

Theory of operation. Used plus reserved never exceeds the limit: the only statement that reserves anything adds to a counter where there
is room and changes no row where there is not. All counters of a call are changed in one transaction, in the order of their keys and
after everything else in it: two replicas that need the same counters wait for each other briefly, and never in a circle. A counter
that does not exist starts with what the ledger knows of its period, so that a budget added in the middle of a month counts the whole
month. Reservations are also stored with the open call, so that they can be released after a crash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Update,
    and_,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
    update,
)

from context.limits.budgets import Budget, Counter, Period, period_start
from context.limits.fit import BudgetStatus
from store.ledger.prior_usage import used_so_far
from store.tables import budgets
from store.upsert import upsert

KEPT_MINUTES = 86_400_000  # milliseconds that counters of minutes are kept
RECENT = 32 * 86_400_000  # milliseconds back to the start of any period that may still get an alert
RECENT_MINUTES = 900_000  # the same for minutes: long enough to catch up after a restart
KEPT = 100 * 86_400_000  # the same for other counters: a month, and long enough to look back on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one counter: what is added to `used` and `reserved`; either may be negative."""

    key: str
    period_start: int
    used: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterState:
    """A counter with the highest threshold an alert was sent for (`alerted`, per cent), and whether it has refused anything."""

    key: str
    period_start: int
    used: int
    alerted: int
    refused: bool


class DoesNotFit(Exception):
    """A budget has no room for an amount; nothing was changed."""

    def __init__(self, counter: Counter) -> None:
        super().__init__(counter.key)
        self.counter = counter


_COUNTER = and_(budgets.c.key == bindparam("counter"), budgets.c.period_start == bindparam("start"))
_EXISTS = select(budgets.c.key).where(_COUNTER)
_SOME = select(budgets).where(
    tuple_(budgets.c.key, budgets.c.period_start).in_(bindparam("counters", expanding=True))
)
_SETTLE = (
    update(budgets)
    .where(_COUNTER)
    .values(
        used=budgets.c.used + bindparam("more_used"), reserved=budgets.c.reserved + bindparam("more_reserved")
    )
)
_MARK_REFUSED = update(budgets).where(_COUNTER, budgets.c.refused_at.is_(None))
_MARK_ALERTED = update(budgets).where(_COUNTER, budgets.c.alerted < bindparam("threshold"))


@cache
def _insert(dialect: str) -> Insert:
    return upsert(dialect, budgets).on_conflict_do_nothing()  # another replica may have been first


@cache
def _take(*, use: bool) -> Update:
    """Add an amount to what is reserved (`use`: to what is used) where there is room for it."""
    column = budgets.c.used if use else budgets.c.reserved
    room = budgets.c.used + budgets.c.reserved + bindparam("amount") <= bindparam("limit")
    return update(budgets).where(_COUNTER, room).values({column: column + bindparam("amount")})


def reserve(
    connection: Connection, amounts: Sequence[tuple[Counter, int | None]], *, use: bool = False
) -> None:
    """Reserve amounts in counters, all or nothing; `use` counts them as used at once. An unknown amount (None) never fits.

    Raises DoesNotFit, after which the transaction must be rolled back: it may have changed counters already.
    """
    take = _take(use=use)
    for counter, amount in sorted(amounts, key=lambda pair: pair[0].key):
        if amount is None:
            raise DoesNotFit(counter)
        values = {**_names(counter), "amount": amount, "limit": counter.budget.limit}
        if connection.execute(take, values).rowcount == 1:
            continue
        _create(connection, counter)  # perhaps it does not exist yet
        if connection.execute(take, values).rowcount != 1:
            raise DoesNotFit(counter)


def reservations(amounts: Sequence[tuple[Counter, int | None]]) -> list[dict[str, Any]]:
    """What an open call stores of the amounts it reserves."""
    return [
        {"key": counter.key, "period_start": counter.period_start, "amount": amount}
        for counter, amount in amounts
    ]


def settle(connection: Connection, changes: Iterable[Change]) -> None:
    """Release reservations and count what was used; changes of the same counter are added up first."""
    totals: dict[tuple[str, int], tuple[int, int]] = {}
    for change in changes:
        used, reserved = totals.get((change.key, change.period_start), (0, 0))
        totals[change.key, change.period_start] = (used + change.used, reserved + change.reserved)
    for (key, start), (used, reserved) in sorted(totals.items()):
        if used or reserved:
            connection.execute(
                _SETTLE, {"counter": key, "start": start, "more_used": used, "more_reserved": reserved}
            )


def statuses(connection: Connection, counters: Sequence[Counter]) -> tuple[BudgetStatus, ...]:
    """Used and reserved of each counter. One that does not exist has what the ledger knows of its period."""
    if not counters:
        return ()
    keys = [(counter.key, counter.period_start) for counter in counters]
    rows = connection.execute(_SOME, {"counters": keys})
    stored = {(row.key, row.period_start): (row.used, row.reserved) for row in rows}
    statuses = []
    for counter in counters:
        amounts = stored.get((counter.key, counter.period_start))
        used, reserved = (used_so_far(connection, counter), 0) if amounts is None else amounts
        statuses.append(BudgetStatus(counter=counter, used=used, reserved=reserved))
    return tuple(statuses)


def mark_refused(connection: Connection, counter: Counter, now: int) -> None:
    """Record the first time a budget refused something."""
    _create(connection, counter)
    connection.execute(_MARK_REFUSED, {**_names(counter), "refused_at": now})


def may_need_alert(
    connection: Connection, now: int, limits: Sequence[Budget], thresholds: Sequence[int]
) -> list[CounterState]:
    """Counters of current and recent periods that may have reached a threshold (per cent). Housekeeping.

    Counters far from their limits, nearly all of a thousand users, are not read.
    """
    if not limits or not thresholds:
        return []
    minutes = budgets.c.key.endswith("|minute")
    rows = connection.execute(
        select(budgets)
        .where(
            budgets.c.period_start >= now - RECENT,
            or_(~minutes, budgets.c.period_start >= now - RECENT_MINUTES),
            budgets.c.alerted < max(thresholds),
            or_(
                budgets.c.refused_at.is_not(None), *(_has_reached(limit, min(thresholds)) for limit in limits)
            ),
        )
        .order_by(budgets.c.key, budgets.c.period_start)
    )
    return [
        CounterState(
            key=row.key,
            period_start=row.period_start,
            used=row.used,
            alerted=row.alerted,
            refused=row.refused_at is not None,
        )
        for row in rows
    ]


def _has_reached(limit: Budget, threshold: int) -> ColumnElement[bool]:
    """The condition that a counter may belong to this budget and has used a share of it, in per cent."""
    like = budgets.c.key.like(f"{limit.scope}%|{limit.unit}|{limit.period}")
    return and_(like, budgets.c.used >= -(-limit.limit * threshold // 100))


def current_totals(connection: Connection, now: int) -> list[tuple[str, int, int]]:
    """Key, period start, and used plus reserved of all counters whose period is the current one."""
    starts = {period_start(period, now) for period in get_args(Period)}
    rows = connection.execute(
        select(budgets.c.key, budgets.c.period_start, budgets.c.used + budgets.c.reserved).where(
            budgets.c.period_start.in_(starts)
        )
    )
    return [(key, start, amount) for key, start, amount in rows]


def mark_alerted(connection: Connection, key: str, period_start: int, threshold: int) -> bool:
    """Claim the alert for a threshold: True for one caller only, per counter and threshold."""
    values = {"counter": key, "start": period_start, "threshold": threshold, "alerted": threshold}
    claimed = connection.execute(_MARK_ALERTED, values)
    return claimed.rowcount == 1


def remove_old(connection: Connection, now: int) -> None:
    """Remove old counters without reservations: housekeeping."""
    minutes = and_(budgets.c.key.endswith("|minute"), budgets.c.period_start < now - KEPT_MINUTES)
    connection.execute(
        delete(budgets).where(budgets.c.reserved == 0, or_(minutes, budgets.c.period_start < now - KEPT))
    )


def _create(connection: Connection, counter: Counter) -> None:
    """Create a counter unless it exists."""
    if connection.scalar(_EXISTS, _names(counter)) is not None:
        return
    connection.execute(
        _insert(connection.dialect.name),
        {
            "key": counter.key,
            "period_start": counter.period_start,
            "used": used_so_far(connection, counter),
            "reserved": 0,
            "alerted": 0,
        },
    )


def _names(counter: Counter) -> dict[str, Any]:
    """The parameters that name a counter."""
    return {"counter": counter.key, "start": counter.period_start}
