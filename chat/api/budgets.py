"""`GET /api/budgets`: what the caller may still spend."""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.deps import get_thread, json_response, principal
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.report import report
from chat.api.schemas.budgets import BudgetOut, BudgetQuery, BudgetsOut
from chat.api.token_limits import check_thread
from chat.clock import rfc3339
from chat.errors import NotFound, QueryTimeout
from chat.usage.amounts import budget_amount
from context.limits.budgets import BudgetAccount, counters
from context.limits.fit import BudgetStatus
from store.ledger import budgets as store

SHARED = ("deployment", "tier", "model")  # scopes that other users spend from too


class Budgets(Resource):
    """The handler of `/api/budgets`."""

    @Endpoint(
        "GET",
        "/api/budgets",
        "List the budgets the caller spends from; with `thread_id` also that thread's. Amounts of shared budgets are null",
        query=BudgetQuery,
        answers={200: BudgetsOut},
        errors=(NotFound, QueryTimeout),
        thread_check="by_handler",
    )
    async def mine(self, request: Request) -> Response:
        body, who = query(request, BudgetQuery), principal(request)
        check_thread(request, body.thread_id)
        deployment, now = self.deps.deployment, self.deps.clock.now()
        budgets = self.deps.runtime.caller.budgets.all
        accounts = [
            BudgetAccount(
                owner_id=who.owner_id, thread_id=body.thread_id, token=who.token, tier=tier, model=model
            )
            for tier, model in deployment.tiers.items()
        ]
        by_key = {counter.key: counter for account in accounts for counter in counters(budgets, account, now)}

        def read(connection: Connection) -> tuple[BudgetStatus, ...]:
            if body.thread_id is not None:
                get_thread(connection, who.owner_id, body.thread_id, "thread_id")
            return store.statuses(connection, tuple(by_key.values()))

        statuses = await report(self.deps.database, request, read)
        # An admin may see every amount; to others the amounts of shared budgets would reveal what people spend.
        return json_response(
            BudgetsOut(budgets=[_budget_out(status, see_all=who.admin) for status in statuses])
        )


def _budget_out(status: BudgetStatus, *, see_all: bool) -> BudgetOut:
    counter = status.counter
    budget = counter.budget
    visible = see_all or budget.scope not in SHARED

    def amount(value: int) -> str | None:
        if not visible:
            return None
        return budget_amount(budget.unit, value)

    return BudgetOut(
        scope=budget.scope,
        name=None if budget.scope == "deployment" else counter.name,
        unit=budget.unit,
        period=budget.period,
        limit=amount(budget.limit),
        used=amount(status.used),
        reserved=amount(status.reserved),
        near=status.near,
        resets_at=rfc3339(counter.resets_at),
    )
