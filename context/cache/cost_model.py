"""What a summary costs and when it pays: the formulas of context economics, section 6, in picodollars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, exp, log, sqrt

from context.cache.cache_state import CacheTtl
from context.models.pricing import Prices, PriceTable
from context.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A cache state to which a window is sent: in which share of the turns, and what a token costs it that it has cached, or has not."""

    share: float
    read: float
    write: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """A cache state's standing. Sizes in tokens: `system` (tools included), `summary`, `floor`, `turn` (what a turn adds).

    prices: of the cache state's model; reader: of the cheap model that summarizes; share, renewals: of the cache state;
    minimum: shortest prefix the model caches; shared: the system
    block is kept warm by other threads; again_elsewhere: picodollars per kept token that a compaction makes the thread's other living
    cache states write again; others: those that read the same window.
    """

    system: int
    summary: int
    floor: int
    turn: float
    prices: Prices
    reader: PriceTable
    policy: Policy
    share: float = 1.0
    renewals: float = 0.0
    minimum: int = 0
    shared: bool = False
    again_elsewhere: float = 0.0
    others: tuple["Reader", ...] = ()

    def write(self, ttl: CacheTtl) -> int:
        """The price of a token that is not read, under that life."""
        return self.prices.input if ttl == "none" else self.prices.write(ttl)

    def new_summary(self, surplus: float) -> float:
        """s(X): tokens a compaction of X adds to the summary."""
        return min(self.policy.summary_budget, self.policy.summary_share * surplus)

    def summary_call(self, surplus: float, merged: int = 0) -> float:
        """C(X): the summarizer's call over X tokens and the segments it merges with them, in chunks if it must."""
        policy = self.policy
        chunks = max(1, ceil(surplus / policy.summarizer_chunk))
        reading = policy.summarizer_prompt * chunks + surplus + merged
        prices = self.reader.at(int(reading / chunks))
        return prices.input * reading + prices.output * (self.new_summary(surplus) + merged / 2)

    def surplus(self, ttl: CacheTtl) -> float:
        """X*: the surplus at which a compaction pays for the thread's cache states together.

        Where what is kept is shorter than the model caches, the window must first grow past that to be cached at all.
        """
        own = Reader(
            share=self.share,
            read=self.prices.input if ttl == "none" else self.prices.cache_read * (1 + self.renewals),
            write=self.write(ttl),
        )
        turn = max(self.turn, 1.0)
        most = max(2.0, 2 * self.policy.window_cap / turn)
        found, readers = 1_000.0, (own, *self.others)
        for _ in range(3):  # the call grows with X far slower than X: a few rounds settle it
            call, again = self.summary_call(found), self.floor + self.new_summary(found)
            if self.share >= 1 and not self.others:  # an economic order quantity
                compaction = call + (own.write - self.prices.cache_read * (ttl != "none")) * again * (
                    ttl != "none"
                )
                found = min(most * turn, sqrt(2 * compaction * turn / max(1e-9, own.read)))
            else:
                found = turn * _least(partial(_cycle, readers, turn, call, again), 1.0, most)
        return max(found, float(self.policy.compaction_min), 0.0 if ttl == "none" else 4.0 * self.uncached)

    def compactions_per_use(self, surplus: float) -> float:
        """How many of the cache state's uses are the first after a compaction."""
        share, turns = min(1.0, max(self.share, 0.01)), max(1.0, surplus / max(1.0, self.turn))
        return float((1 - (1 - share) ** turns) / (share * turns))

    @property
    def uncached(self) -> int:
        """Tokens that are missing, right after a compaction, to the shortest prefix the model caches."""
        return max(0, self.minimum - self.system - self.summary - self.floor)

    def cold_compaction_saves(self, surplus: float, ttl: CacheTtl, merged: int = 0) -> float:
        """What compacting a dead prefix saves at the next turn alone; worth it above zero."""
        price = min(self.write(ttl), 1.25 * self.prices.input)
        new = self.new_summary(surplus)
        again = self.again_elsewhere * (self.floor + new)
        return (surplus - new) * price - self.summary_call(surplus, merged) - again

    def cold_surplus(self, surplus: float, ttl: CacheTtl) -> float:
        """What a dead window's surplus costs: it is written again or compacted, whichever is cheaper."""
        new = self.new_summary(surplus)
        compacted = (
            self.summary_call(surplus) + new * self.write(ttl) + self.again_elsewhere * (self.floor + new)
        )
        return min(self.write(ttl) * surplus, compacted)

    def grown(self) -> "CostModel":
        """The standing a young thread grows into: the floor it is going to have, and a summary in proportion."""
        policy = self.policy
        floor = max(self.floor, int(policy.floor_messages / 2 * self.turn))
        summary = max(
            self.summary,
            int(min(policy.summary_budget, self.new_summary(self.surplus("5m")) if floor else 0)),
        )
        return replace(self, floor=floor, summary=summary)


def _cycle(readers: Sequence[Reader], turn: float, call: float, again: float, turns: float) -> float:
    """The price of one turn, as far as it depends on that, when the window is compacted every so many turns.

    `turn`: tokens a turn adds; `call`: the summarizer's price; `again`: tokens kept by a compaction.
    A cache state that is used in a share s of the turns writes what came since its last use, and after a compaction all that is kept. In n turns
    it is used at all with chance 1 - (1 - s)^n: so often the compaction makes it write anew. For a cache state used every turn this is F/n + h n/2, an
    economic order quantity; a cache state used rarely writes most of its window at every use, and is better off with a small one.
    """
    total = call / turns
    for one in readers:
        share = min(1.0, max(one.share, 1e-6))
        anew = (1 - (1 - share) ** turns) / turns
        total += share * one.read * turns * turn / 2 + (one.write - one.read) * (again - turn / share) * anew
    return total


def _least(price: Callable[[float], float], low: float, high: float) -> float:
    """Where between two limits a price with one valley is least, within 5%: golden section on a logarithmic scale."""
    section = (sqrt(5) - 1) / 2
    left, right = log(low), log(high)
    one, two = right - section * (right - left), left + section * (right - left)
    at_one, at_two = price(exp(one)), price(exp(two))
    while right - left > 0.1:
        if at_one <= at_two:
            right, two, at_two = two, one, at_one
            one = right - section * (right - left)
            at_one = price(exp(one))
        else:
            left, one, at_one = one, two, at_two
            two = left + section * (right - left)
            at_two = price(exp(two))
    return exp((left + right) / 2)


def turn_tokens(sizes: Sequence[int]) -> float:
    """d: tokens that arrive per turn, from the sizes of the last 20 turns."""
    newest = list(sizes)[-20:]
    return sum(newest) / len(newest) if newest else 0.0
