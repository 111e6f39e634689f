"""How much one address may ask for: requests a minute, and requests at once, streams included."""

from collections import Counter

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.errors import RateLimited

FREE = frozenset({"/healthz", "/readyz"})  # whoever watches over the server must always get through


class Limits:
    """ASGI middleware. Raises RateLimited; 0 switches a limit off.

    The address is the connection's, or what a trusted proxy says it is. One process counts for itself.
    """

    def __init__(self, app: ASGIApp, per_minute: int, at_once: int) -> None:
        self.app = app
        self._at_once = at_once
        self._open: Counter[str] = Counter()
        self._rate = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in FREE:
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else "unknown"
        if self._rate is not None and not await self._window.hit(self._rate, address):
            raise RateLimited("too many requests from this address; slow down", retry_after=10)
        if self._at_once and self._open[address] >= self._at_once:
            raise RateLimited("too many requests from this address at once", retry_after=2)
        self._open[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
