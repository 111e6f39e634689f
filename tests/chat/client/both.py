"""Both clients with one surface, so that each test runs with each of them: the blocking one works in threads."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import httpx

from chat.client import AsyncPalaver, Palaver, Retries, Thread, Turn
from tests.palaver import PLAIN
from tests.waiting import LIMIT

Kind = Literal["blocking", "asyncio"]
KINDS: tuple[Kind, ...] = ("blocking", "asyncio")
STUBBORN = Retries(
    requests=100_000, streams=100_000
)  # how fast the machine is must not decide when it gives up

_END = object()


@dataclass(slots=True)
class Pauses:
    """Notes how long a client wants to wait, and hardly waits. `then` is called before each wait."""

    seconds: list[float] = field(default_factory=list)
    then: Callable[[], object] = lambda: None

    def blocking(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then()
        time.sleep(0.01)

    async def asyncio(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then()
        await asyncio.sleep(0.01)


class _InThreads:
    """A blocking object that looks like its twin for asyncio."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value
        if name in ("thread", "turn"):
            return lambda *args: _InThreads(value(*args))
        if name in ("threads", "events"):
            return lambda *args, **fields: _iterated(value(*args, **fields))

        async def call(*args: Any, **fields: Any) -> Any:
            result = await asyncio.to_thread(value, *args, **fields)
            return _InThreads(result) if isinstance(result, Thread | Turn) else result

        return call

    def __aiter__(self) -> AsyncIterator[str]:
        return _iterated(iter(self._inner))


async def _iterated(items: Iterator[Any]) -> AsyncGenerator[Any]:
    try:
        while (item := await asyncio.to_thread(next, items, _END)) is not _END:
            yield item
    finally:
        await asyncio.to_thread(cast(Any, items).close)


@asynccontextmanager
async def client(
    kind: Kind, url: str, *, pauses: Pauses | None = None, retries: Retries = STUBBORN, **options: Any
) -> AsyncIterator[AsyncPalaver]:
    """A client of that kind, under the name of the one for asyncio."""
    pauses = pauses or Pauses()
    if kind == "asyncio":
        async with httpx.AsyncClient(timeout=LIMIT, trust_env=False, verify=PLAIN) as http:
            yield AsyncPalaver(url, http=http, sleep=pauses.asyncio, retries=retries, **options)
        return
    with httpx.Client(timeout=LIMIT, trust_env=False, verify=PLAIN) as blocking_http:
        made = Palaver(url, http=blocking_http, sleep=pauses.blocking, retries=retries, **options)
        yield cast(AsyncPalaver, _InThreads(made))
