"""One load on one server: streams opened at a rate, read to their end, and what the server used meanwhile."""

import asyncio
import math
import random
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any, Protocol

from tests.bench.stream_path.load import StreamRequest
from tests.bench.stream_path.model import Pace
from tests.bench.stream_path.servers import Ask, Sample
from tests.bench.stream_path.workers import Worker
from tests.waiting import until

LOOK = 0.1  # seconds between two samples of a server
PATIENCE = 30.0  # seconds a server may be behind before its streams are cut
QUIET = 0.2  # seconds a server is watched to tell whether it is idle
SETTLE = 0.5  # seconds after which the last stream that was opened has become one of many

_runs = count()


class Measured(Protocol):
    """What a load is put on: a server, or the model itself."""

    @property
    def port(self) -> int: ...
    @property
    def ask(self) -> Ask: ...
    def sample(self) -> Sample: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`streams` opened at `opened_per_second` (0: at once), each of so many `deltas`. `threads`: a prefix of their names, to come back to them.

    `cut`: seconds after which all readers leave, whether or not they have everything.
    """

    streams: int
    deltas: int
    opened_per_second: float = 0.0
    per_second: float = 20.0
    first_delay: float = 0.5
    aligned: bool = False
    threads: str = ""
    cut: float = 0.0

    @property
    def pace(self) -> Pace:
        return Pace(
            deltas=self.deltas,
            per_second=self.per_second,
            first_delay=self.first_delay,
            aligned=self.aligned,
        )

    @property
    def openings(self) -> list[float]:
        """Seconds at which streams are opened: evenly, each a little late by chance, or their deltas would all fall on few instants."""
        if not self.opened_per_second:
            return [0.0] * self.streams
        chance = random.Random(1)
        return [(number + chance.random()) / self.opened_per_second for number in range(self.streams)]

    @property
    def seconds(self) -> float:
        last = max(self.openings) + self.first_delay + self.deltas / self.per_second
        return self.cut or last + PATIENCE


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: the times of the model, and those of the reader with the deltas that had come by each."""

    received: float
    sent: list[float]
    unread: int
    opened: float
    times: list[float]
    counts: list[int]

    @property
    def added(self) -> float:
        """Seconds to the first delta beyond what the model took itself."""
        if not self.times or not self.sent:
            return math.inf
        return (self.times[0] - self.opened) - (self.sent[0] - self.received)

    def lags(self, begin: float, end: float) -> list[float]:
        """Seconds from write to read of the deltas that were written between two moments; infinite for those that never came."""
        first, last = bisect_left(self.sent, begin), bisect_right(self.sent, end)
        lags = []
        for number in range(first, last):
            read = bisect_left(self.counts, number + 1)
            lags.append(self.times[read] - self.sent[number] if read < len(self.times) else math.inf)
        return lags

    def delivered(self, by: float) -> int:
        """Deltas that had been read by then."""
        read = bisect_right(self.times, by)
        return self.counts[read - 1] if read else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a load. `samples` of the server's process; `window`: from when all streams were open until the first ended.

    `logged`: when the model was asked for its times, just before readers that are cut left.
    """

    load: Load
    streams: list[Stream]
    samples: list[Sample]
    logged: float
    failures: list[str] = field(default_factory=list)

    @property
    def window(self) -> tuple[float, float]:
        begun = [stream.sent[0] for stream in self.streams if stream.sent]
        ended = [stream.sent[-1] for stream in self.streams if stream.sent]
        return (max(begun) + SETTLE, min(ended)) if begun else (0.0, 0.0)

    @property
    def added(self) -> list[float]:
        """Added seconds to the first delta, of all streams; infinite for those that failed."""
        return [stream.added for stream in self.streams] + [math.inf] * (
            self.load.streams - len(self.streams)
        )

    @property
    def lags(self) -> list[float]:
        begin, end = self.window
        return [lag for stream in self.streams for lag in stream.lags(begin, end)]

    def delivered(self, begin: float, end: float) -> int:
        return sum(stream.delivered(end) - stream.delivered(begin) for stream in self.streams)

    def between(self, begin: float, end: float) -> tuple[Sample, Sample]:
        """The samples nearest to two moments."""
        first = min(self.samples, key=lambda sample: abs(sample.at - begin))
        return first, min(self.samples, key=lambda sample: abs(sample.at - end))

    @property
    def cpu_per_delta(self) -> float:
        """CPU seconds for each delta that was delivered while all streams were open; not a number if they never all were."""
        return self._per_delta(lambda sample: sample.cpu)

    @property
    def written_per_delta(self) -> float:
        """Bytes written to disk, likewise."""
        return self._per_delta(lambda sample: sample.written)

    def _per_delta(self, used: Callable[[Sample], float]) -> float:
        first, last = self.between(*self.window)
        delivered = self.delivered(first.at, last.at) if first.at < last.at else 0
        return (used(last) - used(first)) / delivered if delivered else math.nan

    @property
    def read_of_the_model(self) -> int:
        """Deltas that the server had read when the model was asked."""
        return sum(len(stream.sent) * self.load.pace.per_write - stream.unread for stream in self.streams)

    @property
    def cpu(self) -> float:
        return self.samples[-1].cpu - self.samples[0].cpu

    @property
    def peak(self) -> int:
        """The most resident bytes."""
        return max(sample.memory for sample in self.samples)


@dataclass(slots=True, kw_only=True)
class Bench:
    """The model and the readers, by which loads are put on servers. `settle`: seconds watched after the last answer, for what goes on behind it."""

    model: Worker
    readers: Worker
    settle: float = 1.0

    async def run(self, server: Measured, load: Load) -> Outcome:
        run = next(_runs)
        names = [f"{run}-{number}" for number in range(load.streams)]
        threads = [f"{load.threads or f'run{run}'}-{number}" for number in range(load.streams)]
        requests = [server.ask(name, thread) for name, thread in zip(names, threads, strict=True)]
        await self.model.ask(pace=asdict(load.pace))
        await _quiet(server)
        samples = [server.sample()]
        watching = asyncio.create_task(_watch(server, samples))
        try:
            reading = asyncio.create_task(
                self.readers.ask(
                    port=server.port,
                    requests=_openings(requests, load),
                    deltas=load.deltas,
                    seconds=load.seconds,
                )
            )
            await asyncio.wait({reading}, timeout=load.cut - LOOK if load.cut else None)
            logged = time.monotonic()
            log = await self.model.ask(log=True, unread=bool(load.cut))
            read = await reading
            if not load.cut:
                await asyncio.sleep(self.settle)
        finally:
            watching.cancel()
        samples.append(server.sample())
        streams = [
            Stream(**log[name], **{key: read[name][key] for key in ("opened", "times", "counts")})
            for name in names
            if name in log
        ]
        return Outcome(
            load=load, streams=streams, samples=samples, logged=logged, failures=_failures(read, load)
        )


def _openings(requests: Sequence[StreamRequest], load: Load) -> list[tuple[str, float, str]]:
    return [
        (request.name, at, request.encoded()) for request, at in zip(requests, load.openings, strict=True)
    ]


def _failures(read: dict[str, Any], load: Load) -> list[str]:
    """How each stream that is not complete was answered."""
    if load.cut:
        return []
    short = [row for row in read.values() if not row["counts"] or row["counts"][-1] < load.deltas]
    return [re.sub(r"\r\n.*", "", row["head"], flags=re.DOTALL) or "no answer" for row in short]


async def _quiet(server: Measured) -> None:
    """Wait until what earlier loads left behind is done: less than a tenth of a core in use."""

    async def idle() -> bool:
        before = server.sample()
        await asyncio.sleep(QUIET)
        after = server.sample()
        return after.cpu - before.cpu < (after.at - before.at) / 10

    await until(idle, limit=120)


async def _watch(server: Measured, samples: list[Sample]) -> None:
    while True:
        await asyncio.sleep(LOOK)
        samples.append(server.sample())
