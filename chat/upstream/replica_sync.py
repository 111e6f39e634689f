"""What replicas tell each other of the models, through Redis: failures, open breakers, rate limits, held models.

Every replica keeps its own breakers and buckets and applies the others' news to them as if they were its own. Redis holds nothing that
may not vanish: the channel keeps nothing, and what a replica that starts late should know (which models rest or are held) stands
in keys that run out by themselves. While Redis is away each replica decides alone, and says so once.
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
KEYS = "palaver:model:"  # what a late replica must know; each runs out with what it tells
PATIENCE = 2.0  # seconds for a connection or an answer
PAUSES = (0.5, 15.0)  # seconds between two tries to reach Redis: first, longest
BACKLOG = 1_000  # news that wait to be told; more of them are dropped, for they are about this very moment
LASTING = frozenset({"open", "held"})

_decoder = msgspec.json.Decoder(ReplicaEvent)


async def reachable(url: str) -> bool:
    """Whether a Redis answers there."""
    redis = Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)
    try:
        await redis.ping()
    except (RedisError, OSError, TimeoutError):
        return False
    else:
        return True
    finally:
        await redis.aclose()


class ReplicaSync:
    """Tells the gate's news to the other replicas and theirs to the gate. `name` is this process's own."""

    def __init__(self, url: str, admission: Admission, name: str) -> None:
        self._url = url
        self._admission = admission
        self._name = name
        self._waiting: asyncio.Queue[ReplicaEvent] = asyncio.Queue(BACKLOG)
        self._tasks: list[asyncio.Task[None]] = []
        self.connected = asyncio.Event()

    async def start(self) -> None:
        """Begin; whether Redis can be reached decides nothing."""
        self._admission.tell = self._tell
        self._tasks = [asyncio.create_task(self._forever(), name="sharing")]

    async def stop(self) -> None:
        """Leave the channel."""
        self._admission.tell = None
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _tell(self, news: ReplicaEvent) -> None:
        if self.connected.is_set():
            with suppress(asyncio.QueueFull):
                self._waiting.put_nowait(news)

    async def _forever(self) -> None:
        """Stay connected; say once when that ends, and once when it works again."""
        pause, alone = PAUSES[0], False
        while True:
            try:
                await self._connected()
            except (RedisError, OSError, TimeoutError) as failure:
                if self.connected.is_set():
                    pause, alone = PAUSES[0], False
                self.connected.clear()
                if not alone:
                    log.warning(
                        "Redis cannot be reached: this replica decides alone", kind=type(failure).__name__
                    )
                alone = True
            await asyncio.sleep(pause)
            pause = min(PAUSES[1], pause * 2)

    async def _connected(self) -> None:
        """Listen and speak until the connection breaks. Raises RedisError, OSError or TimeoutError."""
        redis = Redis.from_url(self._url, socket_connect_timeout=PATIENCE)
        try:
            async with redis.pubsub() as channel:
                async with asyncio.timeout(PATIENCE):
                    await channel.subscribe(CHANNEL)
                    await self._catch_up(redis)
                while not self._waiting.empty():
                    self._waiting.get_nowait()  # what was left from before is old by now
                self.connected.set()
                log.info("shares with other replicas through Redis")
                tasks = [
                    asyncio.create_task(self._speak(redis)),
                    asyncio.create_task(self._listen(channel)),
                ]
                try:
                    # Whichever fails ends both: a replica that hears and cannot speak would never notice while nobody speaks.
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

    async def _listen(self, channel: PubSub) -> None:
        async for message in channel.listen():
            if message["type"] == "message":
                self._hear(message["data"])

    async def _speak(self, redis: "Redis") -> None:
        while True:
            news = await self._waiting.get()
            said = msgspec.structs.replace(news, sender=self._name)
            key = f"{KEYS}{news.what}:{news.model}"
            async with asyncio.timeout(PATIENCE):
                if news.what in LASTING and news.seconds > 0:
                    await redis.set(key, msgspec.json.encode(said), px=round(news.seconds * 1_000) + 1)
                elif news.what == "closed":
                    await redis.delete(f"{KEYS}open:{news.model}")
                await redis.publish(CHANNEL, msgspec.json.encode(said))

    async def _catch_up(self, redis: "Redis") -> None:
        """Learn what was decided before this replica came."""
        async for key in redis.scan_iter(match=f"{KEYS}*"):
            said, left = await redis.get(key), await redis.pttl(key)
            if said is not None and left > 0:
                self._hear(said, seconds=left / 1_000)

    def _hear(self, said: bytes | str, *, seconds: float | None = None) -> None:
        try:
            news = _decoder.decode(said)
        except msgspec.MsgspecError:
            return  # another version's
        if news.sender != self._name:
            self._admission.hear(news if seconds is None else msgspec.structs.replace(news, seconds=seconds))
