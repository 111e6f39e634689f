"""The one shape of all errors."""

from chat.api.schemas.fields import Answer


class SpentBudgetOut(Answer):
    scope: str
    unit: str
    period: str
    resets_at: str


class ErrorBody(Answer):
    """`param` names the field that is wrong. `budget` is present only when a budget refused."""

    message: str
    type: str
    code: str
    param: str | None
    retryable: bool
    request_id: str
    budget: SpentBudgetOut | None = None


class ErrorAnswer(Answer):
    error: ErrorBody
