"""Find the call that still fits the budgets: as requested, with a shorter answer, of a cheaper tier, both, or none until a budget resets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from context.limits.budgets import Counter, dearest
from context.models.pricing import PriceTable

FLOOR: Final = 2_048
"""Tokens of an answer below which it is not worth asking: thinking counts too, and half a thought answers nothing."""

NEAR_OUTPUT: Final = 4_096
"""Tokens of an answer once a budget is near its end: room for a full page, a quarter of the usual worst case to set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """The status of a counter: what was used in its period, and what is reserved for calls in flight."""

    counter: Counter
    used: int = 0
    reserved: int = 0

    @property
    def left(self) -> int:
        return max(0, self.counter.budget.limit - self.used - self.reserved)

    @property
    def near(self) -> bool:
        """Whether so much is gone that answers become cheaper and shorter."""
        budget = self.counter.budget
        return (self.used + self.reserved) * 100 >= budget.limit * budget.degrade_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A call that could answer: its tier and model, the most tokens its prompt may have, its output limit, and its prices.

    `statuses` are those of all counters it would draw on. `free`: it costs no money.
    """

    tier: str | None
    model: str
    bound: int
    output: int
    prices: PriceTable | None
    statuses: tuple[BudgetStatus, ...]
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """The offer that fits, by its index, with at most that long an answer. `reason` in words when it is less than was requested."""

    index: int
    output: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitsNot:
    """Nothing fits before `resets_at` (milliseconds), because of this counter; None: it would not fit then either."""

    counter: Counter
    resets_at: int | None
    reason: str


def fit(offers: Sequence[Offer], *, floor: int = FLOOR, eager: bool = True) -> Fits | FitsNot:
    """Choose what to ask: the first offer is what was requested, the others are cheaper, dearest first.

    Order: as requested; shorter, but not below `floor`; the next cheaper tier; that and shorter. Past a budget's `degrade_at` the
    cheaper and shorter answer comes before it is forced, so that what is left lasts longer, unless that was done already
    (`eager` is False).
    """
    requested = offers[0]
    near = [status for status in requested.statuses if eager and status.near]
    cap = min(requested.output, NEAR_OUTPUT) if near else requested.output
    order = list(range(len(offers)))
    if any(status.counter.budget.unit == "usd" for status in near) and len(offers) > 1:
        order = [*order[1:], 0]
    for index in order:
        offer = offers[index]
        most = min(offer.output, cap)
        room = min((_room(offer, status) for status in offer.statuses), default=most)
        if room >= min(floor, most):
            output = min(most, room)
            return Fits(index=index, output=output, reason=_reason(offers, index, output, near))
    return _refused(offers, floor)


def _room(offer: Offer, status: BudgetStatus) -> int:
    """The longest answer that still fits one counter; negative when not even the prompt does."""
    match status.counter.budget.unit:
        case "requests":
            return offer.output if status.left else -1
        case "tokens":
            return status.left - offer.bound
        case "usd":
            if offer.free:
                return offer.output
            if offer.prices is None or not offer.prices.known:
                return -1
            prompt, answer = dearest(offer.prices, offer.bound)
            rest = status.left - offer.bound * prompt
            return rest // answer if rest >= 0 and answer else min(rest, offer.output)


def _reason(offers: Sequence[Offer], index: int, output: int, near: Sequence[BudgetStatus]) -> str | None:
    """Why less than what was requested is asked for; no figures, for they may be other people's."""
    requested, chosen = offers[0], offers[index]
    changes = []
    if index:
        changes.append(
            f"{chosen.tier or chosen.model} answers instead of {requested.tier or requested.model}"
        )
    if output < requested.output:
        changes.append(f"the answer has at most {output:,} tokens")
    if not changes:
        return None
    tight = near or sorted(requested.statuses, key=lambda status: _room(requested, status))
    return f"little is left of {tight[0].counter.words}: {', and '.join(changes)}"


def _refused(offers: Sequence[Offer], floor: int) -> FitsNot:
    """The counter that blocks the offer that can be made soonest."""
    blocked: list[tuple[int, BudgetStatus]] = []
    for offer in offers:
        least = min(floor, offer.output)
        tight = [status for status in offer.statuses if _room(offer, status) < least]
        last = max(tight, key=lambda status: status.counter.resets_at)
        blocked.append((last.counter.resets_at, last))
    resets_at, status = min(blocked, key=lambda block: block[0])
    counter = status.counter
    for offer in offers:  # one whose empty budget would be enough?
        empty = [BudgetStatus(counter=each.counter) for each in offer.statuses]
        if all(_room(offer, each) >= min(floor, offer.output) for each in empty):
            reason = f"what is left of {counter.words} is not enough for an answer; it resets at {clock(resets_at)}"
            return FitsNot(counter=counter, resets_at=resets_at, reason=reason)
    if any(_unpriced(offer) for offer in offers) and counter.budget.unit == "usd":
        reason = f"the price of {offers[0].model} is not known, so that {counter.words} cannot be kept"
    else:
        reason = f"{counter.words} is too small for any answer to this"
    return FitsNot(counter=counter, resets_at=None, reason=reason)


def _unpriced(offer: Offer) -> bool:
    return not offer.free and (offer.prices is None or not offer.prices.known)


def clock(milliseconds: int) -> str:
    """A time as it is said in a sentence: to the minute, in UTC."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
