"""Limit requests per minute and concurrent requests (streams included) of one address."""

import time
from collections import Counter
from typing import TYPE_CHECKING

import structlog
from cachetools import LRUCache
from limits import RateLimitItem, RateLimitItemPerMinute
from starlette.types import ASGIApp, Receive, Scope, Send

from chat.errors import RateLimited

if TYPE_CHECKING:
    from chat.api.middleware.shared_rates import SharedRates

log = structlog.get_logger()

UNLIMITED = frozenset({"/healthz", "/readyz"})  # health checks are never limited
FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})
ADDRESSES = (
    50_000  # addresses counted in this process, a quarter of a kilobyte each: those that sent a request last
)


class Windows:
    """Sliding-window counters of this process, in constant time for any number of addresses.

    The storage of `limits` looks at all of its addresses behind every request.
    """

    def __init__(self, most: int = ADDRESSES) -> None:
        self._counts: LRUCache[str, tuple[int, int, int]] = LRUCache(
            most
        )  # window, requests in the one before it, and in it

    def hit(self, rate: RateLimitItem, address: str) -> bool:
        """Count a request. False: over the limit."""
        seconds = rate.get_expiry()
        now, passed = divmod(time.monotonic(), seconds)
        window, before, within = self._counts.get(address, (int(now), 0, 0))
        if window != now:
            before, within = within if window == now - 1 else 0, 0
        allowed = before * (1 - passed / seconds) + within + 1 <= rate.amount
        self._counts[address] = int(now), before, within + allowed
        return allowed


class Rates:
    """Count requests: in Redis for all replicas, or in this process while there is no Redis or it does not answer."""

    def __init__(self, redis_url: str | None) -> None:
        self._local = Windows()
        self._shared: SharedRates | None = None
        if redis_url is not None:
            from chat.api.middleware import shared_rates  # loads Redis's client

            self._shared = shared_rates.SharedRates(redis_url)

    async def hit(self, rate: RateLimitItem, address: str) -> bool:
        """Count a request. False: over the limit."""
        allowed = None if self._shared is None else await self._shared.hit(rate, address)
        return self._local.hit(rate, address) if allowed is None else allowed

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._shared is not None:
            await self._shared.close()


class RateLimit:
    """ASGI middleware. Raises RateLimited; 0 switches a limit off.

    The address is the connection's, or the one a trusted proxy reports. Concurrent requests are counted per process.
    `trusts_proxies`: whether a proxy is trusted at all; if not, a forwarding header is worth a warning, once: behind that proxy all
    users share one address, and so its limits.
    """

    def __init__(
        self, app: ASGIApp, per_minute: int, at_once: int, rates: Rates, trusts_proxies: bool = True
    ) -> None:
        self.app = app
        self._trusts_proxies = trusts_proxies
        self._warned = False
        self._at_once = at_once
        self._open: Counter[str] = Counter()
        self._rate = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else "unknown"
        if not self._trusts_proxies and not self._warned:
            self._warn_of_proxy(scope, address)
        if self._rate is not None and not await self._rates.hit(self._rate, address):
            raise RateLimited("too many requests from this address; slow down", retry_after=10)
        if self._at_once and self._open[address] >= self._at_once:
            raise RateLimited("too many concurrent requests from this address", retry_after=2)
        self._open[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _warn_of_proxy(self, scope: Scope, address: str) -> None:
        if any(name in FORWARDED for name, _ in scope["headers"]):
            self._warned = True
            log.warning(
                "rate_limit.proxy_not_trusted",
                address=address,
                remedy="all users behind this proxy share one address: name it in PALAVER_TRUSTED_PROXIES",
            )
