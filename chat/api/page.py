"""Serve the bundled web page, `/openapi.json` and `/docs`."""

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from chat.api import openapi
from chat.api.compression import GZIP
from chat.api.deps import external
from chat.api.endpoint import Endpoint
from chat.api.files import PageFiles, file_response, placed_html

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
MISSING = "The page has not been built. Install Palaver with pip (it builds the page), or run `npm ci && npm run build` in web/."


def routes(endpoints: Sequence[Endpoint], *, documented: bool = True) -> list[BaseRoute]:
    """The page at `/`, `/t/…` and `/usage`, its files under `/assets`, and (`documented`) the API's description."""
    page_routes: list[BaseRoute] = [
        Route("/", _index),
        Route("/t/{thread}", _index),
        Route("/usage", _index),
        *(_description(endpoints) if documented else ()),
    ]
    if (DIST / "assets").is_dir():
        page_routes.append(Mount("/assets", PageFiles(directory=DIST / "assets")))
    return page_routes


def _description(endpoints: Sequence[Endpoint]) -> list[BaseRoute]:
    """`/openapi.json`, made when somebody asks for it: hardly anybody does, and every start would pay for it; and `/docs`."""

    @cache
    def document() -> dict[str, Any]:
        return openapi.document(endpoints)

    def as_json(server: str) -> str:
        described = {**document(), "servers": [{"url": server}]}
        return json.dumps(described, ensure_ascii=False, separators=(",", ":"))

    async def describe(request: Request) -> Response:
        written = await asyncio.to_thread(as_json, external(request, "") or "/")
        return Response(written, media_type="application/json")

    return [Route("/openapi.json", describe, middleware=[GZIP]), Route("/docs", _reference)]


async def _index(request: Request) -> Response:
    return _built("index.html", request)


async def _reference(request: Request) -> Response:
    return _built("docs.html", request)


def _built(name: str, request: Request) -> Response:
    """A page as the build wrote it, under the path where the server is seen."""
    if not (DIST / name).is_file():
        return PlainTextResponse(MISSING, status_code=503)
    headers = {
        "cache-control": "no-cache",
        "content-security-policy": CSP,
        "cross-origin-opener-policy": "same-origin",
    }
    base = external(request, "")
    if base:
        return placed_html(DIST / name, base, request.scope, headers)
    return file_response(DIST / name, request.scope, headers)
