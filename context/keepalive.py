"""Whether to renew a cached prefix while nobody asks anything (context economics, section 7).

A ski-rental decision: one renewal costs a read of the prefix, letting it die costs writing it again if somebody comes back. What
is known of this lane's pauses, how long this one has lasted, and whether the page is still open weigh the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from context.economy import RENEWALS, Economy, best_life, dead_cost
from context.gaps import SIGNS, Evidence, Presence, Service, outlook
from context.ladder import Ladder
from context.lanes import Lane
from context.messages import Message
from context.terms import Neighbour, Terms, economy
from context.window import floor_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`send` a keep-alive now, or let the entry die. `cost` is what the renewal is expected to be billed, in picodollars."""

    send: bool
    reason: str
    cost: int = 0


def due_at(lane: Lane, terms: Terms) -> int | None:
    """When to decide: a little before the entry dies, in milliseconds. None for a lane that is not cached."""
    if lane.life == "none" or not terms.policy.keepalives:
        return None
    return lane.touched_at + (terms.policy.life_5m if lane.life == "5m" else terms.policy.life_1h)


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
    """Keep alive or let die, at `due_at`. `path` is the branch from just after the ladder; `closed` a thread nobody can go on with."""
    policy = terms.policy
    most = policy.keepalives_5m if lane.life == "5m" else policy.keepalives_1h
    if closed or not policy.keepalives or lane.life == "none":
        return Decision(
            send=False, reason="closed" if closed else "nothing is cached, or keep-alives are off"
        )
    if lane.keepalives >= most:
        return Decision(send=False, reason=f"{most} keep-alives in a row are enough")
    prefix = max((entry.tokens for entry in lane.written if entry.alive(now)), default=0)
    if not prefix:
        return Decision(send=False, reason="the entry is dead already")
    floor = floor_index(path, policy.floor_messages - 1, policy)
    standing = economy(terms, lane=lane, messages=path, floor=floor, ladder=ladder, others=others, now=now)
    ahead = outlook(
        lane.gaps, service, per_gap=standing.turn / max(lane.share, 0.02) - standing.turn, policy=policy
    )
    wanted, _ = best_life(
        standing,
        ahead,
        uses=lane.uses,
        service_seen=service.seen,
        gaps_seen=len(lane.gaps),
        signs=terms.signs,
        present=lane.life if lane.uses else None,
    )
    if wanted != lane.life:
        return Decision(send=False, reason=f"the lane would rather be {wanted}: its death is the occasion")
    # What is seen speaks of the thread's pause; the lane's ends with it only as often as the lane is the one that is used next.
    signs = (SIGNS[presence] if isinstance(presence, str) else presence or Evidence()).diluted(lane.share)
    silence = now - lane.used_at
    sample = [
        (ms - silence, tokens, weight * signs.weight(ms))
        for ms, tokens, weight in ahead.sample()
        if ms > silence
    ]
    surplus = terms.in_model(sum(message.tokens for message in path[:floor]))
    stop, go = _compare(
        standing,
        lane,
        prefix=prefix,
        surplus=surplus,
        sample=sample,
        never=signs.longer,
        left=most - lane.keepalives,
    )
    send = go < stop
    said = f"renewing is expected to cost ${go / 1e12:.6f}, letting it die ${stop / 1e12:.6f}"
    return Decision(send=send, reason=said, cost=round(standing.prices.cache_read * prefix))


def _compare(
    standing: Economy,
    lane: Lane,
    *,
    prefix: int,
    surplus: int,
    sample: Sequence[tuple[int, float, float]],
    never: float,
    left: int,
) -> tuple[float, float]:
    """(price of letting it die, least price of up to j renewals), both as means over the sample and "never"."""
    total = sum(weight for _, _, weight in sample)
    if not total:
        return 0.0, 1.0
    read, write = standing.prices.cache_read, standing.write(lane.life)
    rest = standing.policy.life_5m if lane.life == "5m" else standing.policy.life_1h
    cold = dead_cost(standing, lane.life) + standing.summary_call(surplus)
    afresh = read * standing.system + write * (standing.floor + standing.ladder + standing.turn)
    stop = total * cold
    best = float("inf")
    for j in RENEWALS[1:]:
        if j > left:
            break
        cost = never * read * prefix * j
        for ms, tokens, weight in sample:
            renewals = ceil(ms / rest)
            if renewals <= j:
                cost += weight * (
                    read * prefix * renewals + min(read * prefix + write * (tokens + standing.turn), afresh)
                )
            else:
                cost += weight * (read * prefix * j + cold)
        best = min(best, cost)
    return stop / (total + never), best / (total + never)
