"""Who may use the API: without tokens whoever reaches loopback, with them whoever carries one."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.access.principal import Principal
from chat.access.tokens import Tokens
from chat.clock import Clock
from chat.errors import Unauthorized
from store.users import LOCAL

# The page's own files hold no data; it asks for the token itself and sends it with every API request.
PUBLIC = ("/", "/usage", "/healthz", "/readyz")
PUBLIC_PREFIXES = ("/assets/", "/t/")
METRICS = "/metrics"


class Access:
    """ASGI middleware that says who each request comes from. Raises Unauthorized."""

    def __init__(self, app: ASGIApp, tokens: Tokens, clock: Clock, metrics: Tokens | None = None) -> None:
        self.app = app
        self.tokens = tokens
        self.metrics = metrics  # what opens METRICS besides, and nothing else
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not (self.tokens and is_public(scope["path"])):
            scope.setdefault("state", {})["principal"] = self._principal(scope)
        await self.app(scope, receive, send)

    def _principal(self, scope: Scope) -> Principal:
        accepted = [self.tokens]
        if self.metrics and scope["path"] == METRICS:
            accepted.append(self.metrics)
        if not any(accepted):
            return Principal(owner_id=LOCAL, admin=True)
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        known = (tokens.find(token.strip(), now=self.clock.now()) for tokens in accepted)
        found = next((one for one in known if one is not None), None) if scheme.lower() == "bearer" else None
        if found is None:
            raise Unauthorized("this server asks for its token: Authorization: Bearer …")
        return found


def is_public(path: str) -> bool:
    """Whether a path is served without a token."""
    return path in PUBLIC or path.startswith(PUBLIC_PREFIXES)
