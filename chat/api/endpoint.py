"""Declare a route once, above its handler: the server, the OpenAPI document and `/docs` are all made from the declaration."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chat.api.body import check_string, validate
from chat.api.compression import GZIP
from chat.api.deps import Deps
from chat.api.schemas.errors import ErrorAnswer
from chat.api.schemas.fields import ID_PATTERN, NoQuery
from chat.api.token_limits import ThreadCheck, check_limits
from chat.errors import BadRequest, NotFound, PalaverError
from store.database import Database

JSON = "application/json"
Handler = Callable[[Request], Awaitable[Response]]
F = TypeVar("F", bound=Callable[..., Awaitable[Response]])
Q = TypeVar("Q", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: what it takes, what it answers, and which errors it adds to those every route has. A decorator of its handler.

    `answers` maps a status to the shape of the body; None: no JSON body. `sends_events`: a 200 may be a turn's event stream; `streams`:
    a stream of another protocol. `media`: content types a 200 may have besides JSON; `other_bodies`: further shapes of it.
    `error_media`: the content type of errors; JSON has the shape `error_body`, that of all our errors unless a protocol has its own; any
    other is a text. `thread_check`: how a token of one thread is kept to it; `end_users`: whether tokens of a
    host's users may ask for it.
    """

    method: str
    path: str
    summary: str
    _: KW_ONLY
    answers: dict[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] = NoQuery
    errors: tuple[type[PalaverError], ...] = ()
    sends_events: bool = False
    streams: bool = False
    media: tuple[str, ...] = ()
    other_bodies: tuple[type[BaseModel], ...] = ()
    error_media: str = JSON
    error_body: type[BaseModel] = ErrorAnswer
    headers: dict[str, str] = field(default_factory=dict)
    public: bool = False
    thread_check: ThreadCheck = "by_path"
    end_users: bool = True
    handler: Handler | None = None

    def __call__(self, handler: F) -> F:
        vars(handler)["endpoint"] = self
        return handler

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    def route(self, database: Database) -> Route:
        """The route, behind the limits of the token that a request carries."""
        handler = self.handler
        assert handler is not None  # noqa: S101 - Resource.endpoints sets it

        async def within_limits(request: Request) -> Response:
            await check_limits(request, database, self.thread_check, end_users=self.end_users)
            return await handler(request)

        return Route(
            self.path,
            handler if self.public else within_limits,
            methods=[self.method],
            name=f"{self.method} {self.path}",
            middleware=[GZIP],
        )


class Resource:
    """The handlers of one noun."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps

    @classmethod
    def declared(cls) -> dict[str, Endpoint]:
        """The declared routes by the names of their handlers, in the order of the file."""
        return {
            name: endpoint
            for name, member in vars(cls).items()
            if isinstance(endpoint := getattr(member, "endpoint", None), Endpoint)
        }

    def endpoints(self) -> list[Endpoint]:
        """The declared routes, with this object's handlers."""
        return [replace(endpoint, handler=getattr(self, name)) for name, endpoint in self.declared().items()]


def query(request: Request, model: type[Q]) -> Q:
    """The query string as `model`. Raises BadRequest naming the parameter, also when it occurs twice."""
    values: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise BadRequest(f"{name} occurs twice", param=name)
        check_string(value)
        values[name] = value
    return validate(model, values)


def path_id(request: Request, name: str) -> str:
    """An id from the path. Raises NotFound for text that no id can be."""
    value = str(request.path_params[name])
    if not re.fullmatch(ID_PATTERN, value):
        raise NotFound("no such object", param=name)
    return value


def header(request: Request, name: str, pattern: str) -> str | None:
    """A request header, which must match `pattern` if it is there."""
    value = request.headers.get(name)
    if value is not None and not re.fullmatch(pattern, value):
        raise BadRequest(f"{name}: not a usable value", param=name)
    return value
