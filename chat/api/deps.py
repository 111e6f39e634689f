"""What the handlers need, wired once in `chat.app`."""

from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from chat.clock import Clock
from chat.deployment import Deployment
from chat.runner import Runner
from chat.settings import Settings
from chat.upstream.local.process import LocalModel
from store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    settings: Settings
    database: Database
    deployment: Deployment
    runner: Runner
    clock: Clock
    local_model: LocalModel | None = None


def owner(request: Request) -> str:
    """The user on whose behalf the request comes, as the access layer established it."""
    owner_id: str = request.state.owner_id
    return owner_id


def answer(value: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An object as a JSON response."""
    return Response(
        value.model_dump_json(), status_code=status, headers=headers, media_type="application/json"
    )
