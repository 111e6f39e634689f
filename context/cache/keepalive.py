"""Whether to renew a cached prefix while nobody asks anything (context economics, section 7).

A ski-rental decision: one renewal costs a read of the prefix, letting it die costs writing it again if somebody comes back. What
is known of this cache state's pauses, how long this one has lasted, and whether the page is still open weigh the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from context.cache.breakpoints import last_written
from context.cache.cache_state import CacheState
from context.cache.gap_forecast import forecast_gaps
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import LINE, SIGNS, Evidence, Presence
from context.cache.layout import lay_out
from context.cache.pauses import RENEWALS, most_renewals, rest_of
from context.cache.plan_inputs import OtherModel, PlanInputs, arriving, cost_model
from context.cache.ttl_choice import worths
from context.messages import Message
from context.request.summary_blocks import Summary
from context.request.window import floor_index, from_user

Part = Literal["window", "summary", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`send` a keep-alive now, or let the entry die.

    part: as far as what the prefix is renewed, for what follows has been compacted away since; tokens: of that prefix; cost: what the
    renewal is expected to be billed, in picodollars.
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
    """When the resting cache state next wants a decision, later than `after` (milliseconds): a little before its window or its head dies
    (renew it?), and when its window has died (compaction?). None: never.
    """
    times = [cache_state.alive_until] if cache_state.window_ttl != "none" else []
    if inputs.policy.keepalives:
        times += [
            cache_state.touched_at + rest_of(inputs.policy, ttl)
            for ttl in {cache_state.ttls.tail, cache_state.ttls.head}
            if ttl != "none"
        ]
    return min((at for at in times if at > after), default=None)


def decide(
    inputs: PlanInputs,
    *,
    path: Sequence[Message],
    summary: Summary | None,
    cache_state: CacheState,
    global_gaps: GlobalGaps,
    now: int,
    others: Sequence[OtherModel] = (),
    presence: Presence | Evidence | None = None,
    closed: bool = False,
) -> Decision:
    """Keep alive or let die, at `next_at`. `path` is the branch from just after the summary; `closed` a thread nobody can go on with."""
    policy = inputs.policy
    if closed or not policy.keepalives or cache_state.ttls.head == "none":
        return Decision(
            send=False, reason="closed" if closed else "nothing is cached, or keep-alives are off"
        )
    layout = lay_out(inputs, from_user(path), summary, cache_state=cache_state, now=now)
    found = last_written(layout.positions, cache_state, now)
    if found is None:
        return Decision(send=False, reason="the entry is dead already, or the next prompt begins otherwise")
    part: Part = "window" if found > layout.head else "summary" if found else "system"
    ttl = cache_state.ttls.tail if part == "window" else cache_state.ttls.head
    most = most_renewals(policy, ttl)
    if cache_state.keepalives >= most:
        return Decision(send=False, reason=f"{most} keep-alives in a row are enough")
    if now < cache_state.touched_at + rest_of(policy, ttl):
        return Decision(send=False, reason=f"the window is gone; the {part} lives longer")
    floor = floor_index(path, policy.floor_messages - 1, policy)
    costs = cost_model(
        inputs, cache_state=cache_state, messages=path, floor=floor, summary=summary, others=others, now=now
    )
    ahead = forecast_gaps(
        cache_state.gaps,
        global_gaps,
        per_gap=arriving(costs),
        policy=policy,
        uses=cache_state.uses,
        share=costs.share,
    )
    # What is seen speaks of the thread's pause; the cache state's ends with it only as often as the cache state is the one that is used next.
    signs = (SIGNS[presence] if isinstance(presence, str) else presence or Evidence()).diluted(costs.share)
    silence = now - cache_state.used_at
    sample = [
        (ms - silence, tokens, weight * signs.weight(ms))
        for ms, tokens, weight in ahead.sample()
        if ms > silence
    ]
    prefix = layout.positions[found].tokens
    head, tail = worths(costs, ahead, inputs.signs)
    # What a death is worth: the difference it makes to all that is to come, after a pause of either kind.
    loss = [0.0, 0.0]
    for kind in (0, 1):
        if part == "window" and cache_state.window_ttl != "none":
            loss[kind] += tail.arriving_dead(kind) - tail.arriving_warm(cache_state.window_ttl, kind)
        if part != "window" or cache_state.ttls.head == cache_state.window_ttl:
            loss[kind] += head.arriving_dead(kind) - head.arriving_warm(cache_state.ttls.head, kind)
    go = _renewed(
        sample,
        loss,
        read=costs.prices.cache_read * prefix,
        growth=costs.write(ttl) if part == "window" else 0,
        fresh=costs.floor + costs.turn,
        never=ahead.never * signs.longer,
        rest=rest_of(policy, ttl),
        silence=silence,
        left=most - cache_state.keepalives,
    )
    said = f"renewing the {part} is expected to save ${-go / 1e12:.6f}"
    return Decision(
        send=go < 0,
        reason=said,
        part=part,
        tokens=prefix,
        cost=round(costs.prices.cache_read * prefix),
    )


def _renewed(
    sample: Sequence[tuple[int, float, float]],
    loss: Sequence[float],
    *,
    read: float,
    growth: float,
    fresh: float,
    never: float,
    rest: int,
    silence: int,
    left: int,
) -> float:
    """The least price of up to j renewals beyond that of letting the entry die: below zero they pay. A mean over the sample and "never"."""
    best, total = float("inf"), never + sum(weight for _, _, weight in sample)
    for j in RENEWALS[1:]:
        if j > left:
            break
        cost = never * read * j
        for ms, tokens, weight in sample:
            needed = ceil(ms / rest)
            if needed > j:
                cost += weight * read * j
            else:
                cost += weight * (read * needed + growth * min(tokens, fresh) - loss[ms + silence >= LINE])
        best = min(best, cost)
    return best / total if total else best
