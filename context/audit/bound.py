"""The least a thread could have cost, knowing every idle gap in advance: a lower bound, not a policy.

A dynamic programme over the turns at which the window is compacted: best[j] = min over i of best[i] + the price of turns i to j between
two compactions + the compaction's call. A figure to be shown beside the real bill: "1.1x the least possible".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from context.models.pricing import Prices

# By TTL (5 minutes, an hour): milliseconds an entry lives, and after which it must be renewed.
TTL_MS = ((300_000, 280_000), (3_600_000, 3_540_000))


SETTLED = 100  # turns after which a new token of the summary is cached wherever one that was always there is


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedTurn:
    """One past turn: its model and start (ms), and the tokens of its user text, of its answer, and of the summary it was sent.

    `floor`: how many of its messages had to be verbatim, its own included; None: `Frame.keep`; `spared`: tokens of these that could be left out.
    """

    model: str
    at: int
    user: int
    answer: int
    summary: int = 0
    floor: int | None = None
    spared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every policy has in common. `prices` by model; `summarizer`: its prices; sizes in tokens; `keep`: the floor in messages.

    summary_min, summary_max: what a full summary holds, just after a merge and just before one; summary_budget: the most one compaction adds.
    """

    system: int
    prices: dict[str, Prices]
    summarizer: Prices
    summary_min: int
    summary_max: int
    summary_budget: int
    summary_share: float
    summarizer_prompt: int
    keep: int
    cap: int


def bound(turns: Sequence[SizedTurn], frame: Frame) -> int:
    """The least price in picodollars of all prompts and summaries of a thread; answers are not in it.

    At equal information: once as much is compacted as fills a summary, it holds what it held in the thread.
    """
    count = len(turns)
    if not count:
        return 0
    before = _tokens_before(turns)
    floors = _floors(turns, frame, before)
    running = lasting(turns, frame)  # one token that is in every prompt
    full = [0.0]  # and a full summary
    for index, turn in enumerate(turns):
        full.append(full[-1] + max(frame.summary_min, turn.summary) * (running[index + 1] - running[index]))
    best = [0.0] + [float("inf")] * count
    alive: list[_Token] = []  # one per turn in which tokens arrived; the last is the newest
    for end in range(count):
        alive.append(_Token(frame))
        for token in alive:
            if token.needed:
                token.add(turns[end])
        last = end + 1 == count
        entering = 0.0 if last else _entering(turns, end + 1, running, frame)
        total = 0.0
        for start in range(end, -1, -1):
            window = before[2 * end + 1] - floors[start]
            if start < end and window > frame.cap:
                for token in alive[:start]:
                    token.needed = False
                break
            continuing, summarized = running[end + 1] - running[start], frame.summary_share * floors[start]
            summary = (
                full[end + 1] - full[start]
                if summarized >= frame.summary_max
                else min(frame.summary_min, summarized) * continuing
            )
            floor = max(0, before[2 * start + 1] - floors[start] - turns[start].spared)
            epoch = total + floor * alive[start].price + frame.system * continuing + summary
            compaction = 0.0 if last else _compact(floors[end + 1] - floors[start], frame, entering)
            best[end + 1] = min(best[end + 1], best[start] + epoch + compaction)
            arrived = before[2 * start + 1] - (before[2 * start - 1] if start else 0)
            total += arrived * alive[start].price
    return round(best[count])


def lasting(turns: Sequence[SizedTurn], frame: Frame) -> list[float]:
    """The least price in picodollars of one token that is in every prompt: before each turn, and in all."""
    token, running = _Token(frame), [0.0]
    for turn in turns:
        token.add(turn)
        running.append(token.price)
    return running


def _entering(turns: Sequence[SizedTurn], index: int, running: Sequence[float], frame: Frame) -> float:
    """What a token that is new at that turn and stays costs more than one that was always there: every model writes it."""
    token, coming = _Token(frame), turns[index : index + SETTLED]
    for turn in coming:
        token.add(turn)
    return token.price - (running[index + len(coming)] - running[index])


def _compact(compacted: int, frame: Frame, entering: float) -> float:
    """The summarizer's call, and its new lines entering the prompt; compacting nothing costs nothing."""
    if compacted <= 0:
        return 0.0
    new = min(frame.summary_budget, frame.summary_share * compacted)
    call = frame.summarizer.input * (frame.summarizer_prompt + compacted) + frame.summarizer.output * new
    return call + new * max(0.0, entering)


def _tokens_before(turns: Sequence[SizedTurn]) -> list[int]:
    """Tokens of all messages before each message; index 2t is the user's of turn t, 2t + 1 its answer."""
    before = [0]
    for turn in turns:
        before.append(before[-1] + turn.user)
        before.append(before[-1] + turn.answer)
    return before


def _floors(turns: Sequence[SizedTurn], frame: Frame, before: Sequence[int]) -> list[int]:
    """Tokens before each turn's floor. What a later floor holds again must not be compacted earlier."""
    floors, earliest = [0] * len(turns), before[-1]
    for index in range(len(turns) - 1, -1, -1):
        floor = turns[index].floor
        keep = frame.keep if floor is None else floor
        earliest = min(earliest, before[max(0, 2 * index + 1 - keep) // 2 * 2])
        floors[index] = earliest
    return floors


class _Token:
    """V(a, e): the least price of one token in the prompts of turns a to e, where each model may cache it not at all, 5 minutes or an hour."""

    __slots__ = ("frame", "models", "needed", "price")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.models: dict[str, tuple[int, float, float, float]] = {}
        self.price = 0.0
        self.needed = True

    def add(self, turn: SizedTurn) -> None:
        """One more prompt that holds the token."""
        prices = self.frame.prices[turn.model]
        known = self.models.get(turn.model)
        if known is None:
            base, five_alive, hour_alive, before = 0.0, float("inf"), float("inf"), 0.0
        else:
            at, uncached, five, hour = known
            base = before = min(uncached, five, hour)
            gap = turn.at - at
            five_alive = five + prices.cache_read * _renewals(gap, 0)
            hour_alive = hour + prices.cache_read * _renewals(gap, 1)
        uncached = base + prices.input
        five = min(five_alive, base + prices.cache_write_5m)
        hour = min(hour_alive, base + prices.cache_write_1h)
        self.models[turn.model] = (turn.at, uncached, five, hour)
        self.price += min(uncached, five, hour) - before


def _renewals(gap: int, ttl: int) -> int:
    """Reads that bring an entry over a gap, the next turn's own included."""
    alive, usable = TTL_MS[ttl]
    return 1 if gap < alive else -(-gap // usable)
