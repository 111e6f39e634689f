"""Who may use the API: without tokens whoever reaches loopback, with them whoever carries one."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.auth.principal import Principal
from chat.auth.token_registry import OpenRequest, TokenRegistry
from chat.auth.tokens import Tokens
from chat.clock import Clock
from chat.errors import Unauthorized
from store.users import LOCAL

# The page's own files hold no data; it asks for the token itself and sends it with every API request.
PUBLIC = ("/", "/usage", "/healthz", "/readyz")
PUBLIC_PREFIXES = ("/assets/", "/t/")
METRICS = "/metrics"


class Auth:
    """ASGI middleware that says who each request comes from. Raises Unauthorized."""

    def __init__(
        self, app: ASGIApp, token_registry: TokenRegistry, clock: Clock, metrics: Tokens | None = None
    ) -> None:
        self.app = app
        self.token_registry = token_registry
        self.metrics = metrics  # what opens METRICS besides, and nothing else
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (self.token_registry.requires_token and is_public(scope["path"])):
            await self.app(scope, receive, send)
            return
        visit = self._visit(scope)
        scope.setdefault("state", {}).update(principal=visit.principal, visit=visit)
        with self.token_registry.tracking(visit):
            await self.app(scope, receive, send)

    def _visit(self, scope: Scope) -> OpenRequest:
        metrics = self.metrics if scope["path"] == METRICS else None
        if not self.token_registry.requires_token and not metrics:
            return OpenRequest(token=None, principal=Principal(owner_id=LOCAL, admin=True))
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        found = self.token_registry.find(token)
        if found is None and metrics:
            found = metrics.find(token, now=self.clock.now())
        if found is None:
            raise Unauthorized("this server asks for its token: Authorization: Bearer …")
        return OpenRequest(token=token, principal=found)


def is_public(path: str) -> bool:
    """Whether a path is served without a token."""
    return path in PUBLIC or path.startswith(PUBLIC_PREFIXES)
