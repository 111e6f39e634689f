"""Who may use the API: without a token whoever reaches loopback, with one whoever carries it."""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.errors import Unauthorized
from store.users import LOCAL

# The page's own files hold no data; it asks for the token itself and sends it with every API request.
PUBLIC = ("/", "/healthz", "/readyz")
PUBLIC_PREFIXES = ("/assets/", "/t/")

DEFAULT_TOKEN = "default"  # noqa: S105 - no secret: the name of the one token the settings give


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request comes from: the owner of all it touches, and the name of the token it carried, if any."""

    owner_id: str
    token: str | None = None


class Access:
    """ASGI middleware that says who each request comes from. Raises Unauthorized."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        # Compared as digests: equal length whatever was sent, so that the comparison tells nothing.
        self._expected = None if token is None else sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            token = None
            if self._expected is not None and not is_public(scope["path"]):
                self._check(Headers(scope=scope).get("authorization", ""))
                token = DEFAULT_TOKEN
            scope.setdefault("state", {})["principal"] = Principal(owner_id=LOCAL, token=token)
        await self.app(scope, receive, send)

    def _check(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        given = sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._expected or b""):
            raise Unauthorized("this server asks for its token: Authorization: Bearer …")


def is_public(path: str) -> bool:
    """Whether a path is served without a token."""
    return path in PUBLIC or path.startswith(PUBLIC_PREFIXES)
