"""What budgets leave the caller to spend."""

from starlette.requests import Request
from starlette.responses import Response

from chat.api.deps import answer, principal, the_thread
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.schemas.budgets import BudgetOut, BudgetQuery, BudgetsOut
from chat.clock import rfc3339
from chat.errors import NotFound
from context.limits.budgets import Spender, counters
from context.limits.fit import BudgetStatus
from context.models.pricing import usd
from store.ledger import budgets as store

SHARED = ("deployment", "tier", "model")  # what others spend from too


class Budgets(Resource):
    """The handler of `/api/budgets`."""

    @Endpoint(
        "GET",
        "/api/budgets",
        "The budgets the caller spends from, with `thread_id` those of a thread too; no figures of what others share",
        query=BudgetQuery,
        answers={200: BudgetsOut},
        errors=(NotFound,),
    )
    async def mine(self, request: Request) -> Response:
        body, who = query(request, BudgetQuery), principal(request)
        deployment, now = self.deps.deployment, self.deps.clock.now()
        budgets = self.deps.runtime.caller.budgets.all
        spenders = [
            Spender(owner_id=who.owner_id, thread_id=body.thread_id, token=who.token, tier=tier, model=model)
            for tier, model in deployment.tiers.items()
        ]
        drawn = {one.key: one for spender in spenders for one in counters(budgets, spender, now)}
        async with self.deps.database.reading() as connection:
            if body.thread_id is not None:
                await the_thread(connection, who.owner_id, body.thread_id, "thread_id")
            statuses = await store.statuses(connection, tuple(drawn.values()))
        # Where there is one user they are the operator, and all that was spent is theirs; to others the sum would tell of people.
        return answer(BudgetsOut(budgets=[_shown(one, who.admin) for one in statuses]))


def _shown(status: BudgetStatus, alone: bool) -> BudgetOut:
    counter = status.counter
    budget = counter.budget
    own = alone or budget.scope not in SHARED

    def amount(value: int) -> str | None:
        if not own:
            return None
        return format(usd(value), "f") if budget.unit == "usd" else str(value)

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
