"""Who may use the API: without a token whoever reaches loopback, with one whoever carries it."""

import hmac
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.errors import Unauthorized
from store.users import LOCAL

# The page's own files hold no data; it asks for the token itself and sends it with every API request.
PUBLIC = ("/", "/healthz", "/readyz")
PUBLIC_PREFIXES = ("/assets/", "/t/")


class Access:
    """ASGI middleware that names the owner of each request. Raises Unauthorized."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        # Compared as digests: equal length whatever was sent, so that the comparison tells nothing.
        self._expected = None if token is None else sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if self._expected is not None and not is_public(scope["path"]):
                self._check(Headers(scope=scope).get("authorization", ""))
            scope.setdefault("state", {})["owner_id"] = LOCAL
        await self.app(scope, receive, send)

    def _check(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        given = sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._expected or b""):
            raise Unauthorized("this server asks for its token: Authorization: Bearer …")


def is_public(path: str) -> bool:
    """Whether a path is served without a token."""
    return path in PUBLIC or path.startswith(PUBLIC_PREFIXES)
