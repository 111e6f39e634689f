"""Decide whether to renew a cached prefix while nobody asks anything (a keep-alive).

A ski-rental decision: one renewal costs a read of the prefix, letting it die costs writing it again if somebody comes back. What
is known of this cache state's gaps, how long this one has lasted, and whether the page is still open weigh the two. The formula is in
context/README.md ("Keep-alives").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from context.cache.breakpoints import last_written
from context.cache.cache_state import CacheState, CacheTtl
from context.cache.cost_model import CostModel
from context.cache.floor import floor_of, floor_tokens
from context.cache.gap_forecast import GapForecast, forecast_gaps
from context.cache.idle_gaps import SHORT_GAP, SIGNS, Evidence, Presence
from context.cache.layout import lay_out
from context.cache.pauses import RENEWALS, most_renewals, usable_ttl
from context.cache.plan_inputs import BranchState, PlanInputs, arriving, cost_model
from context.cache.positions import Layout
from context.cache.ttl_choice import future_costs
from context.request.request import Part
from context.request.window import from_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`send` a keep-alive now, or let the entry die; `reason` in words, for the log.

    part: how far the prefix is renewed, for what follows has been compacted away since; tokens: of its entry as the cache state has it;
    cost: what the renewal is expected to be billed, in picodollars.
    """

    send: bool
    reason: str
    part: Part = "window"
    tokens: int = 0
    cost: int = 0

    @property
    def head(self) -> int | None:
        """Tokens of the head when only that is renewed."""
        return None if self.part == "window" else self.tokens


def next_at(cache_state: CacheState, inputs: PlanInputs, *, after: int) -> int | None:
    """When the idle cache state next needs a decision, later than `after` (milliseconds): a little before its window or its head dies
    (renew it?), and when its window has died (compaction?). None: never.
    """
    times = [cache_state.alive_until] if cache_state.window_ttl != "none" else []
    if inputs.policy.keepalives:
        times += [
            cache_state.touched_at + usable_ttl(inputs.policy, ttl)
            for ttl in {cache_state.ttls.window, cache_state.ttls.head}
            if ttl != "none"
        ]
    return min((at for at in times if at > after), default=None)


def decide(
    inputs: PlanInputs,
    branch: BranchState,
    *,
    presence: Presence | Evidence | None = None,
    closed: bool = False,
) -> Decision:
    """Keep alive or let die, at `next_at`. `branch.path` begins just after the summary; `closed`: a thread nobody can go on with."""
    if closed or not inputs.policy.keepalives or branch.cache_state.ttls.head == "none":
        reason = "the thread is closed" if closed else "nothing is cached, or keep-alives are off"
        return Decision(send=False, reason=reason)
    prefix = _living_prefix(inputs, branch)
    if prefix is None:
        reason = "the cache entry has expired, or the next prompt begins differently"
        return Decision(send=False, reason=reason)
    most = most_renewals(inputs.policy, prefix.ttl)
    if branch.cache_state.keepalives >= most:
        return Decision(send=False, reason=f"{most} keep-alives in a row are the limit")
    if branch.now < branch.cache_state.touched_at + usable_ttl(inputs.policy, prefix.ttl):
        return Decision(send=False, reason=f"the window is no longer cached; the {prefix.part} has time left")
    return _weighed(inputs, branch, prefix, presence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefix:
    """The prefix that could be renewed: its tokens, and those of its entry as they were taken to be when it was written."""

    part: Part
    ttl: CacheTtl
    tokens: int
    entry: int


def _living_prefix(inputs: PlanInputs, branch: BranchState) -> _Prefix | None:
    """The longest prefix of the next request that is still cached."""
    cache_state = branch.cache_state
    layout = lay_out(inputs, replace(branch, path=from_user(branch.path)))
    last = last_written(layout.positions, cache_state, branch.now)
    if last is None:
        return None
    part = _part(layout, last)
    ttl = cache_state.ttls.window if part == "window" else cache_state.ttls.head
    position = layout.positions[last]
    entry = cache_state.holds(position.key, branch.now)
    size = position.tokens if entry is None else entry.tokens
    return _Prefix(part=part, ttl=ttl, tokens=position.tokens, entry=size)


def _part(layout: Layout, last: int) -> Part:
    """The part of a prompt in which a position stands."""
    if last > layout.head:
        return "window"
    if last > layout.fixed:
        return "summary"
    return "instructions" if last else "system"


def _weighed(
    inputs: PlanInputs,
    branch: BranchState,
    prefix: _Prefix,
    presence: Presence | Evidence | None,
) -> Decision:
    """Compare the price of renewing with what the death of the prefix would cost."""
    policy, cache_state = inputs.policy, branch.cache_state
    floor = floor_of(inputs, branch, to_come=1)
    costs = cost_model(
        inputs, branch, floor_tokens=floor_tokens(inputs, branch, floor), floor_most=floor.tokens
    )
    ahead = forecast_gaps(
        cache_state.gaps,
        branch.global_gaps,
        per_gap=arriving(costs),
        policy=policy,
        uses=cache_state.uses,
        share=costs.share,
    )
    # The sign is about the thread's gap; the cache state's gap ends with it only as often as this model answers the next turn.
    evidence = (SIGNS[presence] if isinstance(presence, str) else presence or Evidence()).diluted(costs.share)
    silence = branch.now - cache_state.used_at
    renewal = _Renewal(
        sample=[
            (ms - silence, tokens, weight * evidence.weight(ms))
            for ms, tokens, weight in ahead.sample()
            if ms > silence
        ],
        never=ahead.never * evidence.longer,
        silence=silence,
        loss=_loss(inputs, cache_state, prefix, costs, ahead),
        read=costs.prices.cache_read * prefix.tokens,
        growth=costs.write(prefix.ttl) if prefix.part == "window" else 0,
        fresh=costs.floor + costs.turn,
        usable=usable_ttl(policy, prefix.ttl),
        left=most_renewals(policy, prefix.ttl) - cache_state.keepalives,
    )
    difference = renewal.cost_above_dying()
    return Decision(
        send=difference < 0,
        reason=f"renewing the {prefix.part} is expected to save ${-difference / 1e12:.6f}",
        part=prefix.part,
        tokens=prefix.entry,
        cost=round(costs.prices.cache_read * prefix.tokens),
    )


def _loss(
    inputs: PlanInputs, cache_state: CacheState, prefix: _Prefix, costs: CostModel, ahead: GapForecast
) -> list[float]:
    """What the death of the prefix costs: the difference it makes to all that is to come, after a gap of either kind."""
    head, window = future_costs(costs, ahead, inputs.signs)
    loss = [0.0, 0.0]
    for kind in (0, 1):
        if prefix.part == "window" and cache_state.window_ttl != "none":
            loss[kind] += window.arriving_dead(kind) - window.arriving_warm(cache_state.window_ttl, kind)
        if prefix.part != "window" or cache_state.ttls.head == cache_state.window_ttl:
            loss[kind] += head.arriving_dead(kind) - head.arriving_warm(cache_state.ttls.head, kind)
    return loss


@dataclass(frozen=True, slots=True, kw_only=True)
class _Renewal:
    """A prefix that may be renewed. Prices in picodollars, times in milliseconds.

    sample: (time until the gap ends, tokens that arrive in it, weight); never: the weight of "never comes back"; silence: how long the gap
    has lasted; loss: what the prefix's death costs, by kind of gap; read: price of one renewal; growth: of a token that arrived, up to
    `fresh` tokens; usable: how long a renewal lasts; left: renewals that are still allowed.
    """

    sample: Sequence[tuple[int, float, float]]
    never: float
    silence: int
    loss: Sequence[float]
    read: float
    growth: float
    fresh: float
    usable: int
    left: int

    def cost_above_dying(self) -> float:
        """The least price of up to j renewals beyond that of letting the entry die: below zero they pay. A mean over the sample and "never"."""
        least, total = float("inf"), self.never + sum(weight for _, _, weight in self.sample)
        for most in RENEWALS[1:]:
            if most > self.left:
                break
            cost = self.never * self.read * most
            for ms, tokens, weight in self.sample:
                needed = ceil(ms / self.usable)
                if needed > most:
                    cost += weight * self.read * most
                else:
                    saved = self.loss[ms + self.silence >= SHORT_GAP]
                    cost += weight * (self.read * needed + self.growth * min(tokens, self.fresh) - saved)
            least = min(least, cost)
        return least / total if total else least
