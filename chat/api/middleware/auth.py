"""Authenticate requests by bearer token. Without configured tokens every request is the local user's (loopback only)."""

from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.auth.open_request import OpenRequest
from chat.auth.principal import Principal
from chat.auth.token_registry import TokenRegistry
from chat.auth.tokens import Tokens
from chat.clock import Clock
from chat.errors import BadRequest, Forbidden, Unauthorized
from store.local_user import LOCAL

# The page's files hold no data. The page asks the person for the token and sends it with every API request. A browser that opens
# /docs can send no token, and what is described there is in the public source: PALAVER_DOCS closes it.
PUBLIC = ("/", "/usage", "/healthz", "/readyz", "/openapi.json", "/docs")
PUBLIC_PREFIXES = ("/assets/", "/t/")
ACTS_FOR = "palaver-user"  # names the end user that a backend's request is for
METRICS = "/metrics"
OTHER_CLIENTS = "/v1/"  # their older ones carry the token in `x-api-key`


class Auth:
    """ASGI middleware: sets `request.state.principal`, or raises Unauthorized."""

    def __init__(
        self, app: ASGIApp, token_registry: TokenRegistry, clock: Clock, metrics: Tokens | None = None
    ) -> None:
        self.app = app
        self.token_registry = token_registry
        self.metrics = metrics  # tokens that open METRICS and nothing else
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (self.token_registry.requires_token and is_public(scope["path"])):
            await self.app(scope, receive, send)
            return
        visit = await self._visit(scope)
        scope.setdefault("state", {}).update(principal=visit.principal, visit=visit)
        with self.token_registry.tracking(visit):
            await self.app(scope, receive, send)

    async def _visit(self, scope: Scope) -> OpenRequest:
        metrics = self.metrics if scope["path"] == METRICS else None
        headers = Headers(scope=scope)
        if not self.token_registry.requires_token and not metrics:
            if ACTS_FOR in headers:
                raise Forbidden(
                    "this server lets everybody in as one user: set PALAVER_TOKEN to act for others"
                )
            return OpenRequest(token=None, principal=Principal(owner_id=LOCAL, admin=True))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if "authorization" not in headers and scope["path"].startswith(OTHER_CLIENTS):
            token = headers.get("x-api-key", "")
        principal = metrics.find(token, now=self.clock.now()) if metrics else None
        if principal is not None:
            return OpenRequest(token=token, principal=principal)
        visit = await self.token_registry.admit(token)
        if visit is None:
            raise Unauthorized("a valid token is needed: Authorization: Bearer …")
        return visit if ACTS_FOR not in headers else await self._acting(visit, headers)

    async def _acting(self, visit: OpenRequest, headers: Headers) -> OpenRequest:
        try:
            (named,) = headers.getlist(ACTS_FOR)
            named.encode("ascii")
            return await self.token_registry.act_for(visit, unquote(named, errors="strict"))
        except ValueError:
            raise BadRequest("Palaver-User: one user, percent-encoded", param="Palaver-User") from None


def is_public(path: str) -> bool:
    """Whether a path is served without a token."""
    return path in PUBLIC or path.startswith(PUBLIC_PREFIXES)
