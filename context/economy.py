"""What it costs to go on, to fold, and to be away: the formulas of context economics, sections 5 and 6, in picodollars."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

from context.gaps import Evidence, Outlook
from context.lanes import LIVES, Life
from context.policy import Policy
from context.pricing import Prices, PriceTable

NO_SIGN = Evidence()
RENEWALS = (0, 1, 2, 3, 5, 8, 12, 18, 30)  # how many keep-alives are tried for


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """A lane's standing. Sizes in tokens: `system` (tools included), `ladder`, `floor`, `turn` (what a turn adds).

    prices: of the lane's model; reader: of the cheap model that summarises; share, renewals: of the lane;
    minimum: shortest prefix the model caches; shared: the system
    block is kept warm by other threads; again_elsewhere: picodollars per kept token that a fold makes the thread's other living
    lanes write again; folds_elsewhere: the least surplus at which one of those lanes folds, for all of them.
    """

    system: int
    ladder: int
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
    folds_elsewhere: float = float("inf")

    def write(self, life: Life) -> int:
        """The price of a token that is not read, under that life."""
        return self.prices.input if life == "none" else self.prices.write(life)

    def new_summary(self, surplus: float) -> float:
        """s(X): tokens a fold of X adds to the summary."""
        return min(self.policy.summary_budget, self.policy.summary_share * surplus)

    def summary_call(self, surplus: float, merged: int = 0) -> float:
        """C(X): the summariser's call over X tokens and the segments it merges with them, in chunks if it must."""
        policy = self.policy
        chunks = max(1, ceil(surplus / policy.summariser_chunk))
        reading = policy.summariser_prompt * chunks + surplus + merged
        prices = self.reader.at(int(reading / chunks))
        return prices.input * reading + prices.output * (self.new_summary(surplus) + merged / 2)

    def fold_cost(self, surplus: float, life: Life) -> float:
        """F: the call, and what a warm fold writes again: everything behind the system block."""
        return self.summary_call(surplus) + self.rewriting(surplus, life)

    def rewriting(self, surplus: float, life: Life) -> float:
        """The part of F that this lane pays: what a warm fold keeps is written again."""
        if life == "none":
            return 0.0
        return (self.write(life) - self.prices.cache_read) * (self.floor + self.new_summary(surplus))

    def surplus(self, life: Life) -> float:
        """X*: the surplus at which a fold pays, as an economic order quantity: sqrt(2 F d / h).

        Where what is kept is shorter than the model caches, the window must first grow past that to be cached at all.
        """
        per_turn = self.prices.input if life == "none" else self.prices.cache_read * (1 + self.renewals)
        holding = max(1e-9, self.share * per_turn)
        found = 1_000.0
        for _ in range(6):  # F grows with X far slower than X: a few rounds settle it
            found = sqrt(2 * self.fold_cost(found, life) * max(self.turn, 1.0) / holding)
        return found if life == "none" else max(found, 4.0 * self.uncached)

    @property
    def uncached(self) -> int:
        """Tokens that are missing, right after a fold, to the shortest prefix the model caches."""
        return max(0, self.minimum - self.system - self.ladder - self.floor)

    def cold_fold_saves(self, surplus: float, life: Life, merged: int = 0) -> float:
        """What folding a dead prefix saves at the next turn alone; worth it above zero."""
        price = min(self.write(life), 1.25 * self.prices.input)
        new = self.new_summary(surplus)
        again = self.again_elsewhere * (self.floor + new)
        return (surplus - new) * price - self.summary_call(surplus, merged) - again

    def grown(self) -> "Economy":
        """The standing a young thread grows into: the floor it is going to have, and a summary in proportion."""
        policy = self.policy
        floor = max(self.floor, int(policy.floor_messages / 2 * self.turn))
        ladder = max(
            self.ladder, int(min(policy.summary_budget, self.new_summary(self.surplus("5m")) if floor else 0))
        )
        return replace(self, floor=floor, ladder=ladder)


def expected(economy: Economy, life: Life, ahead: Outlook, signs: Sequence[Evidence] = ()) -> float:
    """E(c): the expected price of a turn's context under a life, in picodollars (section 5).

    `signs` are the evidences the interface will be able to give of each pause; with them the number of keep-alives is chosen
    apart for each sign, as it will be.
    """
    # One window per thread: it is folded when the first of its lanes wants it.
    surplus = economy.surplus(life)
    between = max(1.0, min(surplus, economy.folds_elsewhere))
    kept = economy.system + economy.ladder + economy.floor
    if life == "none":
        typical = surplus if economy.folds_elsewhere == float("inf") else economy.folds_elsewhere
        return economy.prices.input * (kept + typical / 2 + economy.turn)
    prefix = max(kept + between / 2, economy.minimum)
    # Per use of this lane, not per turn of the thread: a rarely used lane finds its prefix folded by the others nearly every time.
    folds = min(1.0, economy.turn / (max(economy.share, 0.01) * between))
    total = economy.summary_call(surplus) * economy.turn / surplus + economy.rewriting(between, life) * folds
    short = min(1.0, economy.uncached / between)  # how often the prefix is silently not cached: too short
    total += short * economy.prices.input * (kept + economy.uncached / 2 + economy.turn)
    for kind in (0, 1):
        if ahead.shares[kind]:
            total += (
                (1 - short)
                * ahead.shares[kind]
                * sum(
                    _best_renewals(economy, life, ahead, kind, prefix, sign) for sign in signs or (NO_SIGN,)
                )
            )
    return total


def _best_renewals(
    economy: Economy, life: Life, ahead: Outlook, kind: int, prefix: float, sign: Evidence
) -> float:
    """min over j of the mean cost of a gap with at most j keep-alives, after a gap of that kind, times P(sign)."""
    policy, read, write = economy.policy, economy.prices.cache_read, economy.write(life)
    rest, full = _rest(policy, life), LIVES[life]
    most = (policy.keepalives_5m if life == "5m" else policy.keepalives_1h) if policy.keepalives else 0
    dead = dead_cost(economy, life)
    warm_most = read * economy.system + write * (economy.floor + economy.ladder + economy.turn)
    weights, warms = [0.0] * (most + 2), [0.0] * (most + 2)  # by renewals a gap needs, capped
    unrenewed_weight = unrenewed = total = everything = 0.0
    for point in ahead.points:
        ms, tokens, bare = point[0], point[1], point[2 + kind]
        if not bare:
            continue
        everything += bare
        weight = bare * sign.weight(ms)
        total += weight
        warm = weight * min(read * prefix + write * tokens, warm_most)
        need = min(ms // rest, most + 1)
        weights[need] += weight
        warms[need] += warm
        if ms < full:
            unrenewed_weight += weight
            unrenewed += warm
    never = ahead.never * sign.longer
    best = unrenewed + (total - unrenewed_weight) * dead
    alive_weight = alive = sent = 0.0  # sums over gaps that need at most j
    for j in range(most + 1):
        alive_weight += weights[j]
        alive += warms[j]
        sent += weights[j] * j
        if j and j in RENEWALS:
            gone = total - alive_weight
            best = min(best, alive + gone * dead + read * prefix * (sent + (gone + never) * j))
    return best / (everything + ahead.never)


def dead_cost(economy: Economy, life: Life) -> float:
    """The price of the first prompt after a death and a fold; the system block drops out if others keep it warm."""
    system = (
        economy.prices.cache_read * economy.system if economy.shared else economy.write(life) * economy.system
    )
    return system + economy.write(life) * (economy.ladder + economy.floor + economy.turn)


def best_life(
    economy: Economy,
    ahead: Outlook,
    *,
    uses: int,
    service_seen: int,
    gaps_seen: int,
    signs: Sequence[Evidence] = (),
    present: Life | None = None,
) -> tuple[Life, str]:
    """The class rule: the life under which a turn is expected to cost least, and why (section 5).

    `present` is the lane's life until now: between two lives that are nearly alike it stays, for a lane that is torn between
    them would get the keep-alives of neither.
    """
    grown = economy.grown()
    costs: dict[Life, float] = {life: expected(grown, life, ahead, signs) for life in LIVES}
    if uses == 0 and gaps_seen == 0 and service_seen == 0:
        return "5m", "nothing is known of pauses here yet, and a first prefix is small"
    best = min(costs, key=lambda life: costs[life])
    torn = present is not None and present != "none" and best != "none"
    if present is not None and torn and costs[present] * (1 - economy.policy.life_margin) <= costs[best]:
        best = present
    names: dict[Life, str] = {"none": "uncached", "5m": "kept 5 minutes", "1h": "kept an hour"}
    shown = ", ".join(f"{names[life]} ${cost / 1e12:.6f}" for life, cost in costs.items())
    return best, f"expected context cost of a turn: {shown}"


def system_life(
    economy: Economy, ahead: Outlook, *, life: Life, uses: int, service_seen: int
) -> tuple[Life, str]:
    """The life of the system block alone (section 5): 1h only if its dearer first write pays off soon enough."""
    if economy.system < economy.minimum:
        return "none", "the system prompt is shorter than the model caches"
    if economy.shared:
        return "1h", "other threads share the system prompt"
    if life == "1h":
        return "1h", "what follows is kept an hour, and longer lives stand first"
    input_, read = economy.prices.input, economy.prices.cache_read
    means = {one: _token_mean(ahead, one, read, economy.write(one)) for one in ("5m", "1h")}
    if (means["5m"] - means["1h"]) * (
        uses + economy.policy.settle_turns
    ) > economy.prices.cache_write_1h - economy.prices.cache_write_5m and (uses or service_seen):
        return "1h", "an hour's life of the system prompt pays off with these pauses"
    if life == "5m":
        return "5m", "the system prompt lives as long as the rest"
    if means["5m"] < input_:
        return "5m", "only the system prompt is worth caching"
    return "none", "pauses are too long to cache even the system prompt"


def _token_mean(ahead: Outlook, life: Life, read: int, write: int) -> float:
    total = cost = 0.0
    for ms, _, short, long in ahead.points:
        weight = ahead.shares[0] * short + ahead.shares[1] * long
        total += weight
        cost += weight * (read if ms < LIVES[life] else write)
    return cost / total if total else float(write)


def turn_tokens(sizes: Sequence[int]) -> float:
    """d: tokens that arrive per turn, from the sizes of the last 20 turns."""
    newest = list(sizes)[-20:]
    return sum(newest) / len(newest) if newest else 0.0


def _rest(policy: Policy, life: Life) -> int:
    """T: for how long an entry is relied on."""
    return policy.life_5m if life == "5m" else policy.life_1h
