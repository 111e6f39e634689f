"""How full budgets are: the fullest counter of each kind, without a word of whose it is."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from context.limits.budgets import Budget, counter_of
from store.ledger import budgets as store


async def budget_shares(connection: AsyncConnection, budgets: Iterable[Budget], now: int) -> dict[str, float]:
    """Used and set aside as a share of the limit, by scope, unit and period ("user usd day"), in the periods that run now."""
    known = tuple(budgets)
    fullest = {f"{one.scope} {one.unit} {one.period}": 0.0 for one in known}
    for key, period_start, taken in await store.taken(connection, now):
        counter = counter_of(known, key, period_start)
        if counter is None or counter.resets_at <= now or not counter.budget.limit:
            continue
        budget = counter.budget
        name = f"{budget.scope} {budget.unit} {budget.period}"
        fullest[name] = max(fullest[name], taken / budget.limit)
    return fullest
