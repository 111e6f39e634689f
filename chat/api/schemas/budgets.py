"""Shapes of `GET /api/budgets`."""

from chat.api.schemas.fields import Answer, Id, Query


class BudgetQuery(Query):
    thread_id: Id | None = None


class BudgetOut(Answer):
    """Amounts are decimal strings in `unit`, null for budgets shared with other users. `near`: past `degrade_at`, answers become cheaper."""

    scope: str
    name: str | None
    unit: str
    period: str
    limit: str | None
    used: str | None
    reserved: str | None
    near: bool
    resets_at: str


class BudgetsOut(Answer):
    budgets: list[BudgetOut]
