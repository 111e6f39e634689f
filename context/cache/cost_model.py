"""What the window and its summary cost, and the surplus at which a compaction pays. All prices in picodollars.

The formulas and their symbols are in context/README.md ("When to compact").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, exp, inf, log, sqrt

from context.cache.cache_state import CacheTtl
from context.models.pricing import Prices, PriceTable
from context.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """A model to which the window is sent: in which share of the turns, and the price of a token it reads from its cache or writes."""

    share: float
    read: float
    write: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """Sizes and prices of one cache state. Sizes in tokens: `system` (tools included), `summary`, `floor`, `turn` (what a turn adds).

    floor_most: what a growing floor may hold; prices: of the cache state's model; summarizer: of the model that summarizes; share, renewals: of the cache state; minimum: shortest
    prefix the model caches; shared: other threads keep the system block warm; rewriting_elsewhere: picodollars per token kept by a
    compaction that the thread's other living caches cost for writing it again; others: the other models that are sent the window.
    """

    system: int
    summary: int
    floor: int
    turn: float
    prices: Prices
    summarizer: PriceTable
    policy: Policy
    floor_most: float = inf
    share: float = 1.0
    renewals: float = 0.0
    minimum: int = 0
    shared: bool = False
    rewriting_elsewhere: float = 0.0
    others: tuple[ModelShare, ...] = ()

    def write(self, ttl: CacheTtl) -> int:
        """The price of a token that is not read from the cache, under that TTL."""
        return self.prices.input if ttl == "none" else self.prices.write(ttl)

    def new_summary(self, surplus: float) -> float:
        """s(X): tokens a compaction of X adds to the summary, at most what the first segment may hold (`compaction.levels`)."""
        policy = self.policy
        return min(policy.summary_budget / policy.summary_per_level, policy.summary_share * surplus)

    def summary_call(self, surplus: float, merged: int = 0) -> float:
        """C(X): the summarizer's call over X tokens and the segments it merges with them, in chunks if it must."""
        policy = self.policy
        chunks = max(1, ceil(surplus / policy.summarizer_chunk))
        reading = policy.summarizer_prompt * chunks + surplus + merged
        prices = self.summarizer.at(int(reading / chunks))
        return prices.input * reading + prices.output * (self.new_summary(surplus) + merged / 2)

    def surplus(self, ttl: CacheTtl) -> float:
        """X*: the surplus in tokens at which a compaction pays for the thread's models together.

        Where what is kept is shorter than the model caches, the window must first grow past that to be cached at all.
        """
        own = ModelShare(
            share=self.share,
            read=self.prices.input if ttl == "none" else self.prices.cache_read * (1 + self.renewals),
            write=self.write(ttl),
        )
        turn = max(self.turn, 1.0)
        most = max(2.0, 2 * self.policy.window_cap / turn)
        surplus, models = 1_000.0, (own, *self.others)
        for _ in range(3):  # the call grows with X far slower than X: a few rounds settle it
            call, rewritten = self.summary_call(surplus), self.floor + self.new_summary(surplus)
            if self.share >= 1 and not self.others:  # an economic order quantity
                premium = (own.write - self.prices.cache_read * (ttl != "none")) * rewritten * (ttl != "none")
                surplus = min(most * turn, sqrt(2 * (call + premium) * turn / max(1e-9, own.read)))
            else:
                surplus = turn * _minimum(partial(_turn_price, models, turn, call, rewritten), 1.0, most)
        return max(surplus, float(self.policy.compaction_min), 0.0 if ttl == "none" else 4.0 * self.uncached)

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
        rewriting = self.rewriting_elsewhere * (self.floor + new)
        call = self.summary_call(surplus, merged)
        if ttl == "none":
            # The surplus is compacted sooner or later, unless the thread ends: waiting saves only what a call costs whatever it reads.
            later = self.summary_call(surplus + self.turn, merged) - self.summary_call(self.turn, merged)
            call -= later * (1 - 1 / self.policy.expected_turns)
        return (surplus - new) * price - call - rewriting

    def cold_surplus(self, surplus: float, ttl: CacheTtl) -> float:
        """What a dead window's surplus costs: it is written again or compacted, whichever is cheaper."""
        new = self.new_summary(surplus)
        rewriting = self.rewriting_elsewhere * (self.floor + new)
        compacted = self.summary_call(surplus) + new * self.write(ttl) + rewriting
        return min(self.write(ttl) * surplus, compacted)

    def grown(self) -> "CostModel":
        """The sizes a young thread grows into: the floor it is going to have, and a summary in proportion."""
        policy = self.policy
        # Of the least floor all but the newest replies may be shortened.
        short = (policy.floor_exchanges - policy.whole_replies) * min(self.turn, 2 * policy.beginning_tokens)
        most = max(self.floor_most, policy.whole_replies * self.turn + short)
        floor = max(self.floor, int(min(policy.floor_messages / 2 * self.turn, most)))
        summary = max(
            self.summary,
            int(min(policy.summary_budget, self.new_summary(self.surplus("5m")) if floor else 0)),
        )
        return replace(self, floor=floor, summary=summary)


def _turn_price(
    models: Sequence[ModelShare], turn: float, call: float, rewritten: float, turns: float
) -> float:
    """The mean price of a turn, as far as it depends on that, when the window is compacted every so many turns.

    `turn`: tokens a turn adds; `call`: the summarizer's price; `rewritten`: tokens kept by a compaction.
    A model that answers a share s of the turns writes what came since its last use, and after a compaction all that is kept. In n turns
    it is used at all with chance 1 - (1 - s)^n: so often the compaction makes it write anew. For a model used every turn this is
    F/n + h n/2, an economic order quantity; one used rarely writes most of its window at every use, and is better off with a small one.
    """
    total = call / turns
    for model in models:
        share = min(1.0, max(model.share, 1e-6))
        anew = (1 - (1 - share) ** turns) / turns
        growing = share * model.read * turns * turn / 2
        total += growing + (model.write - model.read) * (rewritten - turn / share) * anew
    return total


def _minimum(price: Callable[[float], float], low: float, high: float) -> float:
    """Where between two limits a price with one minimum is least, within 5%: golden-section search on a logarithmic scale."""
    section = (sqrt(5) - 1) / 2
    left, right = log(low), log(high)
    inner_left, inner_right = right - section * (right - left), left + section * (right - left)
    price_left, price_right = price(exp(inner_left)), price(exp(inner_right))
    while right - left > 0.1:
        if price_left <= price_right:
            right, inner_right, price_right = inner_right, inner_left, price_left
            inner_left = right - section * (right - left)
            price_left = price(exp(inner_left))
        else:
            left, inner_left, price_left = inner_left, inner_right, price_right
            inner_right = left + section * (right - left)
            price_right = price(exp(inner_right))
    return exp((left + right) / 2)


def turn_tokens(sizes: Sequence[int]) -> float:
    """d: tokens that arrive per turn, from the sizes of the last 20 turns."""
    newest = list(sizes)[-20:]
    return sum(newest) / len(newest) if newest else 0.0
