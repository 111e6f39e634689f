"""What budgets leave to spend."""

from chat.api.schemas.fields import Answer, Id, Query


class BudgetQuery(Query):
    thread_id: Id | None = None


class BudgetOut(Answer):
    """Amounts as decimal strings in the unit; null where they are shared with other users. `near`: answers become cheaper."""

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
