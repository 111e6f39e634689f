"""The table of contents of the HTTP API."""

from chat.api.budgets import BudgetRoutes
from chat.api.deps import Deps
from chat.api.endpoint import Endpoint
from chat.api.info import Info
from chat.api.messages import Messages
from chat.api.metrics import MetricsRoute
from chat.api.search import Search
from chat.api.summary import SummaryRoutes
from chat.api.threads import Threads
from chat.api.turns import Turns
from chat.api.usage import UsageRoutes


def endpoints(deps: Deps) -> list[Endpoint]:
    """Every route of `palaver.v1`."""
    return [
        *Info(deps).endpoints(),
        *Threads(deps).endpoints(),
        *Messages(deps).endpoints(),
        *Turns(deps).endpoints(),
        *SummaryRoutes(deps).endpoints(),
        *Search(deps).endpoints(),
        *BudgetRoutes(deps).endpoints(),
        *UsageRoutes(deps).endpoints(),
        *MetricsRoute(deps).endpoints(),
    ]
