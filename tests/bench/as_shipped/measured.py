"""A thread as the application played it: its bill, the requests, and the least the same turns could have cost at equal information."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from context.audit.bound import SizedTurn, bound
from context.cache.plan_inputs import PlanInputs
from context.models.catalog import TIERS
from tests.bench.economics.engine import THREE, terms_of
from tests.bench.economics.lower_bound import frame_of
from tests.bench.playing import Player, bill, each, player, scratch
from tests.bench.sent import Sent
from tests.bench.threads import Thread
from tests.upstream.tokens import count

FRAME = 4  # tokens around a message that are not its text


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A thread and what became of it. `spent`: picodollars by purpose; `calls` by purpose; `misses`: turns that lost a cached prefix;
    `floors`: by turn, the messages that had to be verbatim, and the tokens that could be left out of them.
    """

    thread: Thread
    spent: dict[str, int]
    calls: dict[str, int]
    misses: int
    sent: tuple[Sent, ...]
    floors: tuple[tuple[int | None, int], ...]

    @classmethod
    async def of(cls, thread: Thread, playing: Player) -> Played:
        rows = await playing.ledger()
        return cls(
            thread=thread,
            spent=bill(rows),
            calls=dict(Counter(row.purpose for row in rows)),
            misses=sum(row.cache_miss is not None for row in rows),
            sent=tuple(playing.sent),
            floors=tuple(await playing.floors()),
        )

    @property
    def total(self) -> int:
        return sum(self.spent.values())

    def mean(self, value: Callable[[Sent], float]) -> float:
        """A mean over the requests of all turns."""
        return fmean(value(request) for request in self.sent)


def play(settings: dict[str, Any], thread: Thread) -> Played:
    """Play a thread to its end, and a week more."""
    return asyncio.run(_play(settings, thread))


async def _play(settings: dict[str, Any], thread: Thread) -> Played:
    with scratch() as folder:
        async with player(folder, thread.exchanges[0].at, **settings) as playing:
            await playing.play(thread)
            return await Played.of(thread, playing)


def play_all(threads: Iterable[Thread], settings: dict[str, Any], jobs: int) -> list[Played]:
    """Play threads, `jobs` at a time."""
    return list(each(partial(play, settings), threads, jobs))


def sized(played: Played) -> list[SizedTurn]:
    """The turns as sizes, by tier; an answer is as long as it stands in later windows."""
    tiers = {model: tier for tier, model in THREE.items()}
    return [
        SizedTurn(
            model=tiers[request.model.id],
            at=exchange.at,
            user=FRAME + count(exchange.user, request.model),
            answer=FRAME + count(exchange.answer, request.model),
            summary=request.summary_tokens,
            floor=floor,
            spared=spared,
        )
        for request, exchange, (floor, spared) in zip(
            played.sent, played.thread.exchanges, played.floors, strict=True
        )
    ]


def inputs_of(played: Played) -> dict[str, PlanInputs]:
    """The engine's inputs for each tier that answered, with the system prompt as the provider counts it."""
    used, system = {turn.model for turn in sized(played)}, played.sent[0].system
    return {tier: terms_of(THREE[tier], system) for tier in TIERS if tier in used}


def answers(played: Played) -> int:
    """Picodollars of the answers alone."""
    inputs = inputs_of(played)
    return sum(inputs[turn.model].prices.at(0).output * (turn.answer - FRAME) for turn in sized(played))


def least(played: Played) -> int:
    """The offline bound of a thread in picodollars, answers included, with the summaries and floors it had; recall and tools are not in it."""
    frame = frame_of(inputs_of(played), system=played.sent[0].system)
    return bound(sized(played), frame) + answers(played)
