"""What the handlers need, wired once in `chat.app`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.middleware.rate_limit import Rates
from chat.auth.principal import Principal
from chat.auth.token_registry import TokenRegistry, Visit
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


def found(thread: Thread | None, param: str = "thread") -> Thread:
    """The thread, if it is there. Raises NotFound naming `param`."""
    if thread is None:
        raise NotFound("no such thread", param=param)
    return thread


async def the_thread(
    connection: AsyncConnection, owner_id: str, thread_id: str, param: str = "thread"
) -> Thread:
    """A user's thread. Raises NotFound naming `param`."""
    return found(await threads.get(connection, owner_id, thread_id), param)
