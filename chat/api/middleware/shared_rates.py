"""Count the requests of addresses in Redis, for all replicas together."""

import time

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

REDIS_TIMEOUT = 0.5  # seconds a request waits for Redis
REDIS_RETRY = (
    5.0  # seconds this process counts alone after Redis failed, so that not every request waits for it
)


class SharedRates:
    """Sliding-window counters in Redis."""

    def __init__(self, redis_url: str) -> None:
        self._pool = Redis.from_url(
            redis_url, socket_connect_timeout=REDIS_TIMEOUT, socket_timeout=REDIS_TIMEOUT
        ).connection_pool
        storage = RedisStorage(
            f"async+{redis_url}",
            implementation="redispy",
            key_prefix="palaver:rate",
            connection_pool=self._pool,  # type: ignore[arg-type]  # documented so; the annotation names plain values only
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._alone_until = 0.0
        self._warned = False

    async def hit(self, rate: RateLimitItem, address: str) -> bool | None:
        """Count a request. False: over the limit; None: Redis does not answer, or did not a moment ago."""
        if time.monotonic() < self._alone_until:
            return None
        try:
            allowed = await self._limiter.hit(rate, address)
        except (RedisError, OSError, TimeoutError) as failure:
            self._alone_until = time.monotonic() + REDIS_RETRY
            if not self._warned:
                log.warning("rate_limit.redis_unreachable", kind=type(failure).__name__)
            self._warned = True
            return None
        self._warned = False
        return allowed

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()
