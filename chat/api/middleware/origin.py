"""Refuse requests that a foreign web page makes a browser send: DNS rebinding, and cross-site posts.

A page of any site may make its visitor's browser send requests to this server, which needs no token on loopback.

- DNS rebinding: the page's own name resolves to 127.0.0.1 the second time. `Host` still carries that name, so without a token only
  known names are served.
- Cross-site posts: a POST without a body, or with a plain one, is sent without asking first. Browsers say where it comes from in
  `Sec-Fetch-Site` (Fetch Metadata, W3C) and `Origin` (RFC 6454), which no script can set. The order of the checks is that of Go's
  `net/http.CrossOriginProtection`.
"""

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # they change nothing here
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class OriginCheck:
    """ASGI middleware. Raises Forbidden.

    `requires_token`: asked for each request, since tokens may be added while the server runs. `hosts`: names besides those of loopback,
    without port. `origins`: the pages of other origins that may use the API, as `scheme://host[:port]`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        requires_token: Callable[[], bool],
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
    ) -> None:
        self.app = app
        self._requires_token = requires_token
        self._hosts = frozenset(host_name(host) for host in hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._requires_token():
                self._check_host(headers)
            if scope["method"] not in SAFE_METHODS:
                self._check_origin(headers)
        await self.app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_known(host_name(hosts[0])):
            raise Forbidden(
                "this server does not go by that name: add it to PALAVER_ALLOWED_HOSTS, or set PALAVER_TOKEN"
            )

    def _is_known(self, name: str) -> bool:
        if name in self._hosts or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False

    def _check_origin(self, headers: Headers) -> None:
        origins = headers.getlist("origin")
        if origins and all(origin in self._origins for origin in origins):
            return
        sites = headers.getlist("sec-fetch-site")
        if sites:
            allowed = all(site in {"same-origin", "none"} for site in sites)
        else:
            allowed = all(_same_host(origin, headers.get("host", "")) for origin in origins)
        if not allowed:
            raise Forbidden(
                "requests from pages of other origins are refused: PALAVER_CORS_ORIGINS allows them"
            )


def host_name(host: str) -> str:
    """The name or address in a `Host` header or a setting: lower case, without port, brackets and final dot; "" for nonsense."""
    host = host.strip().lower()
    if set(host) & set("/?#@\\ "):
        return ""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return name if bracket and (not port or port.startswith(":")) else ""
    if host.count(":") > 1:
        return host  # an IPv6 address without brackets, as settings may name it
    return host.partition(":")[0].removesuffix(".")


def _same_host(origin: str, host: str) -> bool:
    """Whether an origin's host and port are those of `Host`. The scheme is not compared: a proxy may have ended TLS."""
    scheme, separator, authority = origin.lower().partition("://")
    default = DEFAULT_PORTS.get(scheme, "")
    return bool(separator and authority) and authority.removesuffix(default) == host.lower().removesuffix(
        default
    )
