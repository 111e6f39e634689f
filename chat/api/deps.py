"""What handlers share: their dependencies, wired once in `chat.app`, and small helpers for requests and answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.middleware.rate_limit import Rates
from chat.auth.open_request import OpenRequest
from chat.auth.principal import Principal
from chat.auth.token_registry import TokenRegistry
from chat.background.keepalive import Keepalives
from chat.background.scheduler import Scheduler
from chat.background.summarizer import Summarizer
from chat.clock import Clock
from chat.config.settings import Settings
from chat.errors import NotFound
from chat.runtime.deployment import Deployment
from chat.runtime.runtime import Runtime
from chat.turns.runner import Runner
from chat.upstream.local.process import LocalModel
from store import threads
from store.database import Database
from store.threads import Thread

if TYPE_CHECKING:
    from chat.telemetry.prometheus import Prometheus


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """Everything a handler may use. `local_model` and `metrics` exist only when the settings ask for them."""

    settings: Settings
    runtime: Runtime
    runner: Runner
    scheduler: Scheduler
    summarizer: Summarizer
    keepalives: Keepalives
    rates: Rates
    token_registry: TokenRegistry
    local_model: LocalModel | None = None
    metrics: "Prometheus | None" = None

    @property
    def deployment(self) -> Deployment:
        return self.runtime.deployment

    @property
    def database(self) -> Database:
        return self.runtime.database

    @property
    def clock(self) -> Clock:
        return self.runtime.clock


def owner(request: Request) -> str:
    """Id of the user who sent the request, as `middleware.auth` established it."""
    return principal(request).owner_id


def principal(request: Request) -> Principal:
    """Who sent the request, as `middleware.auth` established it."""
    who: Principal = request.state.principal
    return who


def visit(request: Request) -> OpenRequest:
    """The request as the token registry watches it: it learns when the token no longer counts."""
    watched: OpenRequest = request.state.visit
    return watched


def external(request: Request, path: str) -> str:
    """A path of this server as it is seen from outside: under the base path that `middleware.base_path` established."""
    base: str = request.state.base
    return base + path


def json_response(value: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(
        value.model_dump_json(), status_code=status, headers=headers, media_type="application/json"
    )


def existing(thread: Thread | None, param: str = "thread") -> Thread:
    """The thread, unless it is None. Raises NotFound naming `param`."""
    if thread is None:
        raise NotFound("no such thread", param=param)
    return thread


def get_thread(connection: Connection, owner_id: str, thread_id: str, param: str = "thread") -> Thread:
    """Read a user's thread. Raises NotFound naming `param`."""
    return existing(threads.get(connection, owner_id, thread_id), param)
