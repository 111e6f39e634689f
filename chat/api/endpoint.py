"""How a route is declared: once, so that the server, the OpenAPI document and the readable page can never disagree."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chat.api import schemas
from chat.api.body import check_string, validate
from chat.errors import BadRequest, NotFound, PalaverError

Handler = Callable[[Request], Awaitable[Response]]
Q = TypeVar("Q", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route: what it takes, what it answers, and what can go wrong besides what always can."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: dict[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] = schemas.NoQuery
    errors: tuple[type[PalaverError], ...] = ()
    streams: bool = False
    media: tuple[str, ...] = ()  # what a 200 may be besides JSON
    headers: dict[str, str] = field(default_factory=dict)
    public: bool = False

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    def route(self) -> Route:
        return Route(self.path, self.handler, methods=[self.method], name=f"{self.method} {self.path}")


def query(request: Request, model: type[Q]) -> Q:
    """The query string as `model`. Raises BadRequest naming the parameter; one given twice is an error."""
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise BadRequest(f"{name} is given twice", param=name)
        check_string(value)
        given[name] = value
    return validate(model, given)


def path_id(request: Request, name: str) -> str:
    """An id from the path. One that cannot exist is simply not found."""
    value = str(request.path_params[name])
    if not re.fullmatch(schemas.ID_PATTERN, value):
        raise NotFound("no such object", param=name)
    return value


def header(request: Request, name: str, pattern: str) -> str | None:
    """A request header, which must match `pattern` if it is there."""
    value = request.headers.get(name)
    if value is not None and not re.fullmatch(pattern, value):
        raise BadRequest(f"{name}: not a usable value", param=name)
    return value
