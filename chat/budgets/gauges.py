"""Budget gauges: how full the fullest counter of each kind is, without naming its user, thread or token."""

from collections.abc import Iterable

from sqlalchemy import Connection

from context.limits.budgets import Budget, counter_of
from store.ledger import budgets as store


def budget_shares(connection: Connection, budgets: Iterable[Budget], now: int) -> dict[str, float]:
    """Used plus reserved as a share of the limit, by scope, unit and period ("user usd day"), in the current periods."""
    all_budgets = tuple(budgets)
    fullest = {f"{budget.scope} {budget.unit} {budget.period}": 0.0 for budget in all_budgets}
    for key, period_start, amount in store.current_totals(connection, now):
        counter = counter_of(all_budgets, key, period_start)
        if counter is None or counter.resets_at <= now or not counter.budget.limit:
            continue
        budget = counter.budget
        name = f"{budget.scope} {budget.unit} {budget.period}"
        fullest[name] = max(fullest[name], amount / budget.limit)
    return fullest
