"""What the handlers need, wired once in `chat.app`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from chat.access.granted import Granted, Visit
from chat.access.principal import Principal
from chat.clock import Clock
from chat.deployment import Deployment
from chat.limits import Rates
from chat.runner import Runner
from chat.settings import Settings
from chat.upstream.local.process import LocalModel
from store.database import Database

if TYPE_CHECKING:
    from chat.observe.prometheus import Prometheus


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    settings: Settings
    database: Database
    deployment: Deployment
    runner: Runner
    clock: Clock
    rates: Rates
    granted: Granted
    local_model: LocalModel | None = None
    metrics: "Prometheus | None" = None


def owner(request: Request) -> str:
    """The user on whose behalf the request comes, as the access layer established it."""
    return principal(request).owner_id


def principal(request: Request) -> Principal:
    """Who the request comes from, as the access layer established it."""
    found: Principal = request.state.principal
    return found


def visit(request: Request) -> Visit:
    """The request as the access layer watches over it."""
    found: Visit = request.state.visit
    return found


def answer(value: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An object as a JSON response."""
    return Response(
        value.model_dump_json(), status_code=status, headers=headers, media_type="application/json"
    )
