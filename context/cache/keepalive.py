"""Whether to renew a cached prefix while nobody asks anything (context economics, section 7).

A ski-rental decision: one renewal costs a read of the prefix, letting it die costs writing it again if somebody comes back. What
is known of this lane's pauses, how long this one has lasted, and whether the page is still open weigh the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from context.cache.breakpoints import last_written
from context.cache.cache_state import Lane
from context.cache.gap_forecast import outlook
from context.cache.global_gaps import Service
from context.cache.idle_gaps import LINE, SIGNS, Evidence, Presence
from context.cache.layout import lay_out
from context.cache.pauses import RENEWALS, most_renewals, rest_of
from context.cache.plan_inputs import Neighbour, Terms, arriving, economy
from context.cache.ttl_choice import worths
from context.messages import Message
from context.request.summary_blocks import Ladder
from context.request.window import floor_index, from_user

Part = Literal["window", "summary", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`send` a keep-alive now, or let the entry die.

    part: as far as what the prefix is renewed, for what follows has been folded away since; tokens: of that prefix; cost: what the
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


def next_at(lane: Lane, terms: Terms, *, after: int) -> int | None:
    """When the resting lane next wants a decision, later than `after` (milliseconds): a little before its window or its head dies
    (renew it?), and when its window has died (fold?). None: never.
    """
    times = [lane.alive_until] if lane.life != "none" else []
    if terms.policy.keepalives:
        times += [
            lane.touched_at + rest_of(terms.policy, life)
            for life in {lane.lives.tail, lane.lives.head}
            if life != "none"
        ]
    return min((at for at in times if at > after), default=None)


def decide(
    terms: Terms,
    *,
    path: Sequence[Message],
    ladder: Ladder | None,
    lane: Lane,
    service: Service,
    now: int,
    others: Sequence[Neighbour] = (),
    presence: Presence | Evidence | None = None,
    closed: bool = False,
) -> Decision:
    """Keep alive or let die, at `next_at`. `path` is the branch from just after the ladder; `closed` a thread nobody can go on with."""
    policy = terms.policy
    if closed or not policy.keepalives or lane.lives.head == "none":
        return Decision(
            send=False, reason="closed" if closed else "nothing is cached, or keep-alives are off"
        )
    layout = lay_out(terms, from_user(path), ladder, lane=lane, now=now)
    found = last_written(layout.positions, lane, now)
    if found is None:
        return Decision(send=False, reason="the entry is dead already, or the next prompt begins otherwise")
    part: Part = "window" if found > layout.head else "summary" if found else "system"
    life = lane.lives.tail if part == "window" else lane.lives.head
    most = most_renewals(policy, life)
    if lane.keepalives >= most:
        return Decision(send=False, reason=f"{most} keep-alives in a row are enough")
    if now < lane.touched_at + rest_of(policy, life):
        return Decision(send=False, reason=f"the window is gone; the {part} lives longer")
    floor = floor_index(path, policy.floor_messages - 1, policy)
    standing = economy(terms, lane=lane, messages=path, floor=floor, ladder=ladder, others=others, now=now)
    ahead = outlook(
        lane.gaps, service, per_gap=arriving(standing), policy=policy, uses=lane.uses, share=standing.share
    )
    # What is seen speaks of the thread's pause; the lane's ends with it only as often as the lane is the one that is used next.
    signs = (SIGNS[presence] if isinstance(presence, str) else presence or Evidence()).diluted(standing.share)
    silence = now - lane.used_at
    sample = [
        (ms - silence, tokens, weight * signs.weight(ms))
        for ms, tokens, weight in ahead.sample()
        if ms > silence
    ]
    prefix = layout.positions[found].tokens
    head, tail = worths(standing, ahead, terms.signs)
    # What a death is worth: the difference it makes to all that is to come, after a pause of either kind.
    loss = [0.0, 0.0]
    for kind in (0, 1):
        if part == "window" and lane.life != "none":
            loss[kind] += tail.arriving_dead(kind) - tail.arriving_warm(lane.life, kind)
        if part != "window" or lane.lives.head == lane.life:
            loss[kind] += head.arriving_dead(kind) - head.arriving_warm(lane.lives.head, kind)
    go = _renewed(
        sample,
        loss,
        read=standing.prices.cache_read * prefix,
        growth=standing.write(life) if part == "window" else 0,
        fresh=standing.floor + standing.turn,
        never=ahead.never * signs.longer,
        rest=rest_of(policy, life),
        silence=silence,
        left=most - lane.keepalives,
    )
    said = f"renewing the {part} is expected to save ${-go / 1e12:.6f}"
    return Decision(
        send=go < 0,
        reason=said,
        part=part,
        tokens=prefix,
        cost=round(standing.prices.cache_read * prefix),
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
