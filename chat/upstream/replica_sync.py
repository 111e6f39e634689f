"""Share circuit breakers, rate limits and calls in flight between replicas through Redis publish/subscribe.

Every replica keeps its own breakers and buckets and applies the others' events as if they had happened here. Redis holds nothing that
may not vanish: the channel keeps nothing, and what a replica that starts late needs (open breakers, held models) stands in keys
that expire by themselves. While Redis is away each replica decides alone, and logs that once.
"""

import asyncio
from contextlib import suppress

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from chat.upstream.admission import Admission
from chat.upstream.replica_events import ReplicaEvent

log = structlog.get_logger()

CHANNEL = "palaver:models"
KEYS = "palaver:model:"  # state for replicas that start late; each key expires with what it says
TIMEOUT = 2.0  # seconds for a connection or an answer
RETRY_DELAYS = (0.5, 15.0)  # seconds between two tries to reach Redis: first, longest
BACKLOG = 1_000  # events that wait to be published; more are dropped, for they are about this very moment
LASTING = frozenset({"breaker_opened", "model_held"})  # kept in a key for as long as they hold

_decoder = msgspec.json.Decoder(ReplicaEvent)


async def reachable(url: str) -> bool:
    """Whether a Redis answers at this URL."""
    redis = Redis.from_url(url, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT)
    try:
        await redis.ping()
    except (RedisError, OSError, TimeoutError):
        return False
    else:
        return True
    finally:
        await redis.aclose()


class ReplicaSync:
    """Publishes this process's admission events and applies those of other replicas. `name` is this process's own."""

    def __init__(self, url: str, admission: Admission, name: str) -> None:
        self._url = url
        self._admission = admission
        self._name = name
        self._outgoing: asyncio.Queue[ReplicaEvent] = asyncio.Queue(BACKLOG)
        self._tasks: list[asyncio.Task[None]] = []
        self.connected = asyncio.Event()

    async def start(self) -> None:
        """Start in the background. Whether Redis can be reached does not matter."""
        self._admission.publish = self._enqueue
        self._tasks = [asyncio.create_task(self._stay_connected(), name="replica_sync")]

    async def stop(self) -> None:
        """Stop publishing and leave the channel."""
        self._admission.publish = None
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _enqueue(self, event: ReplicaEvent) -> None:
        if self.connected.is_set():
            with suppress(asyncio.QueueFull):
                self._outgoing.put_nowait(event)

    async def _stay_connected(self) -> None:
        """Reconnect for ever, with a growing delay; log the loss once and each reconnection."""
        delay, lost = RETRY_DELAYS[0], False
        while True:
            try:
                await self._connect()
            except (RedisError, OSError, TimeoutError) as failure:
                if self.connected.is_set():
                    delay, lost = RETRY_DELAYS[0], False
                self.connected.clear()
                if not lost:
                    log.warning("redis.connection_lost", kind=type(failure).__name__)
                lost = True
            await asyncio.sleep(delay)
            delay = min(RETRY_DELAYS[1], delay * 2)

    async def _connect(self) -> None:
        """Publish and apply events until the connection breaks. Raises RedisError, OSError or TimeoutError."""
        redis = Redis.from_url(self._url, socket_connect_timeout=TIMEOUT)
        try:
            async with redis.pubsub() as channel:
                async with asyncio.timeout(TIMEOUT):
                    await channel.subscribe(CHANNEL)
                    await self._catch_up(redis)
                while not self._outgoing.empty():
                    self._outgoing.get_nowait()  # left from before the connection was lost, and outdated by now
                self.connected.set()
                log.info("redis.connected")
                tasks = [
                    asyncio.create_task(self._publish_outgoing(redis)),
                    asyncio.create_task(self._apply_incoming(channel)),
                ]
                try:
                    # Whichever fails ends both: a replica that can read and not write would not notice while it has nothing to write.
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in tasks:
                        if task.done():
                            task.result()
                finally:
                    for task in tasks:
                        task.cancel()
                        with suppress(asyncio.CancelledError, RedisError, OSError, TimeoutError):
                            await task
        finally:
            await redis.aclose()

    async def _apply_incoming(self, channel: PubSub) -> None:
        async for message in channel.listen():
            if message["type"] == "message":
                self._apply(message["data"])

    async def _publish_outgoing(self, redis: "Redis") -> None:
        while True:
            event = msgspec.structs.replace(await self._outgoing.get(), sender=self._name)
            data = msgspec.json.encode(event)
            async with asyncio.timeout(TIMEOUT):
                if event.type in LASTING and event.seconds > 0:
                    await redis.set(_key(event.type, event.model), data, px=round(event.seconds * 1_000) + 1)
                elif event.type == "breaker_closed":
                    await redis.delete(_key("breaker_opened", event.model))
                await redis.publish(CHANNEL, data)

    async def _catch_up(self, redis: "Redis") -> None:
        """Apply what holds since before this replica started."""
        async for key in redis.scan_iter(match=f"{KEYS}*"):
            data, left = await redis.get(key), await redis.pttl(key)
            if data is not None and left > 0:
                self._apply(data, seconds=left / 1_000)

    def _apply(self, data: bytes | str, *, seconds: float | None = None) -> None:
        """Apply another replica's event; `seconds` replaces the time it holds for."""
        try:
            event = _decoder.decode(data)
        except msgspec.MsgspecError:
            return  # published by another version of Palaver
        if event.sender != self._name:
            self._admission.apply(
                event if seconds is None else msgspec.structs.replace(event, seconds=seconds)
            )


def _key(type: str, model: str) -> str:
    return f"{KEYS}{type}:{model}"
