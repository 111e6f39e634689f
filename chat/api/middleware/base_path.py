"""Serve everything under a path, and learn from trusted proxies where the server is seen from outside.

Two ways lead under a path. Either requests come with it, and it is taken off here (`PALAVER_BASE_PATH`); or a proxy has taken it off
and says so in `X-Forwarded-Prefix`. Behind this middleware paths begin at the root, and `request.state.base` is what stands in front
of them outside.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from chat.config.types import plain_path
from chat.errors import NotFound

UNIX = "unix"  # the address of whoever comes over a Unix socket


class BasePath:
    """ASGI middleware. Raises NotFound for what lies outside of the base path.

    `base`: "" or like `/chat`. `trusted_proxies`: addresses and networks whose forwarding headers count, `unix` for a Unix socket; the
    client's address and scheme are read by uvicorn's own middleware, for the same proxies. The scope is changed in place, so
    that the log of requests has the path without the base.
    """

    def __init__(self, app: ASGIApp, *, base: str, trusted_proxies: Sequence[str]) -> None:
        self._app = ProxyHeadersMiddleware(app, list(trusted_proxies))  # type: ignore[arg-type]  # the same protocol, in its own types
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope.get("client") is None and _is_unix(scope):
                scope["client"] = (UNIX, 0)
            prefix = self._forwarded_prefix(scope)
            path: str = scope["path"]
            # A proxy that names the base path itself means that path, and not one above it.
            is_named = prefix.endswith(self._base)
            base = prefix if is_named else prefix + self._base
            if path.startswith(f"{self._base}/"):
                scope["path"] = path.removeprefix(self._base)
                scope["raw_path"] = scope["raw_path"].removeprefix(self._base.encode())
            elif not (prefix and is_named):
                if path not in ("/", self._base) or scope["method"] not in ("GET", "HEAD"):
                    raise NotFound(f"no such route: everything is under {self._base}/")
                await RedirectResponse(_with_query(f"{base}/", scope))(scope, receive, send)
                return
            scope.setdefault("state", {})["base"] = base
        await self._app(scope, receive, send)  # type: ignore[arg-type]

    def _forwarded_prefix(self, scope: Scope) -> str:
        """What a trusted proxy has taken off the path; "" when there is none, or no plain path."""
        client = scope.get("client")
        if client is None or client[0] not in self._app.trusted_hosts:
            return ""
        values = Headers(scope=scope).getlist("x-forwarded-prefix")
        return (plain_path(values[0].strip()) or "") if len(values) == 1 else ""


def _is_unix(scope: Scope) -> bool:
    """Whether the request came over a Unix socket. A TCP connection that is gone has no client either, but a port."""
    server = scope.get("server")
    return server is not None and server[1] is None


def _with_query(path: str, scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
