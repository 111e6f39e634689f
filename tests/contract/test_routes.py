"""Every route the application has is described, or stands in this short list."""

from starlette.routing import BaseRoute, Mount, Route

from chat.app import application
from tests.palaver import Palaver

UNDESCRIBED = {
    ("GET", "/"): "the page",
    ("GET", "/t/{thread}"): "the page",
    ("GET", "/usage"): "the page",
    ("GET", "/assets"): "the page's files",
    ("GET", "/openapi.json"): "the document itself",
    ("GET", "/docs"): "the document, to be read",
}


async def test_every_route_is_described_or_listed_here(app: Palaver) -> None:
    document = await app.get("/openapi.json")
    described = {
        (method.upper(), path) for path, operations in document["paths"].items() for method in operations
    }
    real = {operation for route in application(app.deps).routes for operation in _of(route)}
    assert real - described - UNDESCRIBED.keys() == set()
    assert described - real == set()
    assert UNDESCRIBED.keys() - real <= {("GET", "/assets")}  # there only once the page is built


async def test_every_described_operation_asks_for_the_token_unless_it_says_it_is_public(app: Palaver) -> None:
    document = await app.get("/openapi.json")
    public = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation["security"] == []
    }
    assert public == {("GET", "/healthz"), ("GET", "/readyz")}


def _of(route: BaseRoute) -> set[tuple[str, str]]:
    if isinstance(route, Mount):
        return {("GET", route.path)}
    assert isinstance(route, Route)
    return {(method, route.path) for method in (route.methods or {"GET"}) - {"HEAD"}}
