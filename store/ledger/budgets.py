"""What budgets count. A counter is one row for each budget, subject and period; `key` says which, as in context.limits.budgets.

Theory of operation. Used and set aside together never pass the limit: the only statement that sets anything aside adds to a
counter where there is room for it and changes no row where there is not. All counters of one call are changed in one transaction, in
the order of their keys and after everything else in it: two replicas that want the same counters wait for each other, briefly, and never in a circle. A counter that is not there
begins with what the ledger already knows of its period, so a budget that is added in the middle of a month counts the
whole month. What is set aside is also noted with the call itself, so that it can be given back even after a crash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from context.limits.budgets import Budget, Counter, Period, Scope, Unit, by_answer, by_turn, period_start
from context.limits.fit import BudgetStatus
from store.tables import budgets, ledger_entries, turns

KEPT_MINUTES = 86_400_000  # milliseconds counters of minutes are kept after their minute
RECENT = 32 * 86_400_000  # milliseconds back to the beginning of any period that may still be told of
RECENT_MINUTES = 900_000  # the same of minutes: a restart in between is made up for
KEPT = 100 * 86_400_000  # milliseconds other counters are kept: a month, and long enough to look back on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one counter: more or less used, more or less set aside."""

    key: str
    period_start: int
    used: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterState:
    """A counter, the highest share somebody was told of, and whether it has refused anything."""

    key: str
    period_start: int
    used: int
    alerted: int
    refused: bool


class DoesNotFit(Exception):
    """A counter has no room for what was wanted; nothing was changed."""

    def __init__(self, counter: Counter) -> None:
        super().__init__(counter.key)
        self.counter = counter


async def reserve(
    connection: AsyncConnection, wanted: Sequence[tuple[Counter, int | None]], *, use: bool = False
) -> None:
    """Set amounts aside, all or nothing; `use` counts them as used at once.

    An amount nobody knows (None) never fits.
    Raises DoesNotFit, after which the transaction must be given up: it may hold counters already.
    """
    column = budgets.c.used if use else budgets.c.reserved
    for counter, amount in sorted(wanted, key=lambda one: one[0].key):
        if amount is None:
            raise DoesNotFit(counter)
        guarded = (
            update(budgets)
            .where(_is(counter), budgets.c.used + budgets.c.reserved + amount <= counter.budget.limit)
            .values({column: column + amount})
        )
        if (await connection.execute(guarded)).rowcount == 1:
            continue
        await _begin(connection, counter)  # perhaps it is only not there yet
        if (await connection.execute(guarded)).rowcount != 1:
            raise DoesNotFit(counter)


def noted(wanted: Sequence[tuple[Counter, int | None]]) -> list[dict[str, Any]]:
    """What to note with a call of the amounts it sets aside."""
    return [
        {"key": counter.key, "period_start": counter.period_start, "amount": amount}
        for counter, amount in wanted
    ]


async def settle(connection: AsyncConnection, changes: Iterable[Change]) -> None:
    """Give back what was set aside and count what was used; changes of one counter are added up first."""
    together: dict[tuple[str, int], tuple[int, int]] = {}
    for change in changes:
        known = together.get((change.key, change.period_start), (0, 0))
        together[change.key, change.period_start] = (known[0] + change.used, known[1] + change.reserved)
    for (key, start), (used, reserved) in sorted(together.items()):
        if used or reserved:
            await connection.execute(
                update(budgets)
                .where(budgets.c.key == key, budgets.c.period_start == start)
                .values(used=budgets.c.used + used, reserved=budgets.c.reserved + reserved)
            )


async def statuses(connection: AsyncConnection, counters: Sequence[Counter]) -> tuple[BudgetStatus, ...]:
    """How counters stand; those that have not begun stand where the ledger says."""
    if not counters:
        return ()
    wanted = [(counter.key, counter.period_start) for counter in counters]
    rows = await connection.execute(
        select(budgets).where(tuple_(budgets.c.key, budgets.c.period_start).in_(wanted))
    )
    known = {(row.key, row.period_start): (row.used, row.reserved) for row in rows}
    found = []
    for counter in counters:
        stands = known.get((counter.key, counter.period_start))
        used, reserved = (await _spent(connection, counter), 0) if stands is None else stands
        found.append(BudgetStatus(counter=counter, used=used, reserved=reserved))
    return tuple(found)


async def mark_refused(connection: AsyncConnection, counter: Counter, now: int) -> None:
    """Keep that something did not fit, the first time it happens."""
    await _begin(connection, counter)
    await connection.execute(
        update(budgets).where(_is(counter), budgets.c.refused_at.is_(None)).values(refused_at=now)
    )


async def stands(
    connection: AsyncConnection, now: int, limits: Sequence[Budget], shares: Sequence[int]
) -> list[CounterState]:
    """Counters of running and recent periods of which a share may have to be told; housekeeping.

    Of a thousand users nearly all are far from their limits: those are not read.
    """
    if not limits or not shares:
        return []
    minutes = budgets.c.key.endswith("|minute")
    rows = await connection.execute(
        select(budgets)
        .where(
            budgets.c.period_start >= now - RECENT,
            or_(~minutes, budgets.c.period_start >= now - RECENT_MINUTES),
            budgets.c.alerted < max(shares),
            or_(budgets.c.refused_at.is_not(None), *(_near(limit, min(shares)) for limit in limits)),
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


def _near(limit: Budget, share: int) -> ColumnElement[bool]:
    """Whether a counter may be one of this budget's that has reached a share of it, in per cent."""
    like = budgets.c.key.like(f"{limit.scope}%|{limit.unit}|{limit.period}")
    return and_(like, budgets.c.used >= -(-limit.limit * share // 100))


async def taken(connection: AsyncConnection, now: int) -> list[tuple[str, int, int]]:
    """Key, beginning, and what is used and set aside of counters whose period may run now, whoever they count for."""
    beginnings = {period_start(period, now) for period in get_args(Period)}
    rows = await connection.execute(
        select(budgets.c.key, budgets.c.period_start, budgets.c.used + budgets.c.reserved).where(
            budgets.c.period_start.in_(beginnings)
        )
    )
    return [(key, start, amount) for key, start, amount in rows]


async def tell(connection: AsyncConnection, key: str, period_start: int, share: int) -> bool:
    """Whether it is up to the caller to tell of a share: true once for each counter and share, however many ask."""
    told = await connection.execute(
        update(budgets)
        .where(budgets.c.key == key, budgets.c.period_start == period_start, budgets.c.alerted < share)
        .values(alerted=share)
    )
    return told.rowcount == 1


async def forget(connection: AsyncConnection, now: int) -> None:
    """Remove counters of long ago with nothing set aside: housekeeping."""
    minutes = and_(budgets.c.key.endswith("|minute"), budgets.c.period_start < now - KEPT_MINUTES)
    await connection.execute(
        delete(budgets).where(budgets.c.reserved == 0, or_(minutes, budgets.c.period_start < now - KEPT))
    )


async def _begin(connection: AsyncConnection, counter: Counter) -> None:
    """Make a counter that is not there yet."""
    if await connection.scalar(select(budgets.c.key).where(_is(counter))) is not None:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(budgets).values(
        key=counter.key,
        period_start=counter.period_start,
        used=await _spent(connection, counter),
        reserved=0,
        alerted=0,
    )
    await connection.execute(added.on_conflict_do_nothing())  # another replica may have been first


async def _spent(connection: AsyncConnection, counter: Counter) -> int:
    """What the ledger knows of a counter's period. A tier's requests are the turns it answered, a model's the calls, all others turns."""
    budget = counter.budget
    if by_turn(budget):
        query = select(func.count()).where(
            turns.c.created_at >= counter.period_start,
            turns.c.created_at < counter.resets_at,
            *_whose(turns.c, counter),
        )
        return int(await connection.scalar(query) or 0)
    sums: dict[Unit, Any] = {
        "usd": func.sum(ledger_entries.c.cost_pico),
        "tokens": func.sum(
            ledger_entries.c.input
            + ledger_entries.c.cache_read
            + ledger_entries.c.cache_write_5m
            + ledger_entries.c.cache_write_1h
            + ledger_entries.c.output
        ),
        "requests": func.count(),
    }
    if by_answer(budget):
        sums["requests"] = func.count(ledger_entries.c.turn_id.distinct())
    query = select(sums[budget.unit]).where(
        ledger_entries.c.created_at >= counter.period_start,
        ledger_entries.c.created_at < counter.resets_at,
        *_whose(ledger_entries.c, counter),
    )
    if budget.unit == "requests":
        query = query.where(or_(ledger_entries.c.upstream_id.is_not(None), ledger_entries.c.estimated))
    if by_answer(budget):
        query = query.where(ledger_entries.c.purpose == "reply")
    return int(await connection.scalar(query) or 0)


def _whose(columns: Any, counter: Counter) -> list[ColumnElement[bool]]:
    scope: Scope = counter.budget.scope
    match scope:
        case "deployment":
            return []
        case "user":
            return [columns.owner_id == counter.subject]
        case "thread":
            owner, _, thread = counter.subject.partition("/")
            return [columns.owner_id == owner, columns.thread_id == thread]
        case "tier":
            return [columns.tier == counter.subject]
        case "token":
            return [columns.token == counter.subject]
        case "model":
            return [columns.requested_model == counter.subject]


def _is(counter: Counter) -> ColumnElement[bool]:
    return and_(budgets.c.key == counter.key, budgets.c.period_start == counter.period_start)
