"""How much each message is worth to a question: BM25 within the thread, helped by neighbours, voice and dates.

Theory of operation. A stem's weight is its rarity in this thread. A message scores the sum over stems of the best evidence for
each: its own, or a share of what stands in a neighbour - the best and not the sum, so that a subject talked about at length does
not outvote a message that covers more of the question. How often a stem occurs within a message is not looked at: measured,
it adds nothing for short messages, and for long ones it says they are long.
"""

from collections.abc import Mapping, Sequence
from math import log

from context.recall.policy import RecallPolicy
from context.recall.query import Query
from context.recall.thread import Outline

Postings = Mapping[str, Sequence[int]]  # stem to the positions of the messages that hold it


def rarest(
    weights: Mapping[str, float], found: Mapping[str, int], messages: int, most: int
) -> dict[str, float]:
    """The `most` stems that tell the most, of those found in this many messages each."""
    worth = {
        stem: weight * rarity(messages, found[stem]) for stem, weight in weights.items() if found.get(stem)
    }
    kept = sorted(worth, key=lambda stem: -worth[stem])[:most]
    return {stem: weights[stem] for stem in weights if stem in set(kept)}


def scores(outline: Outline, query: Query, postings: Postings, policy: RecallPolicy) -> list[float]:
    """The worth of each message to the query, 0 for those with no evidence at all."""
    total = [0.0] * len(outline)
    own = _damping(outline, policy, policy.length)
    handed = _damping(outline, policy, 1.0)
    common = too_common(len(outline), policy)
    for stem, weight in query.weights.items():
        found = postings.get(stem, ())
        if not found:
            continue
        full = weight * rarity(len(outline), len(found))
        if len(found) > common:  # its neighbours hold it too
            for position in found:
                total[position] += full * own[position]
        else:
            for position, share in _spread(found, own, handed, policy.neighbours).items():
                total[position] += full * share
    for start, end in query.dates:
        on_it = [position for position, at in enumerate(outline.at) if start <= at < end]
        if len(on_it) < len(outline):
            worth = policy.dated * rarity(len(outline), len(on_it))
            for position in on_it:
                total[position] += worth
    return total


def learn(
    total: list[float],
    outline: Outline,
    weights: Mapping[str, float],
    postings: Postings,
    policy: RecallPolicy,
) -> None:
    """Add the evidence of learned words to `total`, in place. Neighbours get nothing of it: it is too weak to hand on."""
    own = _damping(outline, policy, policy.length)
    for stem, weight in weights.items():
        found = postings.get(stem, ())
        full = weight * rarity(len(outline), len(found))
        for position in found:
            total[position] += full * own[position]


def voiced(total: Sequence[float], outline: Outline, query: Query, policy: RecallPolicy) -> list[float]:
    """Scores with what a message's voice adds: the user's own words when asked about "me", stated preferences always."""
    made = list(total)
    if query.first_person:
        made = [
            score * policy.own_words if role == "user" else score
            for score, role in zip(made, outline.roles, strict=True)
        ]
    for position in outline.preferring:
        made[position] *= policy.preference
    return made


def densities(values: Sequence[float], outline: Outline, policy: RecallPolicy) -> list[float]:
    """The value per token of each message."""
    extra = policy.attention
    return [score / (size + extra) for score, size in zip(values, outline.tokens, strict=True)]


def ranked(values: Sequence[float], outline: Outline, policy: RecallPolicy, above: float = 0.0) -> list[int]:
    """The positions of the messages worth more than `above`, by value per token; of equals the newer first."""
    density = densities(values, outline, policy)
    newest_first = (position for position in range(len(values) - 1, -1, -1) if values[position] > above)
    return sorted(newest_first, key=density.__getitem__, reverse=True)


def too_common(messages: int, policy: RecallPolicy) -> int:
    """In how many messages a word may stand and still tell one from another."""
    return max(policy.common_least, int(policy.common * messages))


def rarity(messages: int, found: int) -> float:
    """BM25's inverse document frequency, never negative."""
    return log(1 + (messages - found + 0.5) / (found + 0.5))


def _damping(outline: Outline, policy: RecallPolicy, length: float) -> list[float]:
    """What a stem in each message counts by that message's size: BM25's term for one occurrence, with `length` as its b."""
    sizes = [size for size, role in zip(outline.tokens, outline.roles, strict=True) if role == "user"]
    typical = max(1.0, sum(sizes) / len(sizes)) if sizes else 1.0
    k = policy.saturation
    fixed, growing = 1 + k * (1 - length), k * length / typical
    return [(k + 1) / (fixed + growing * size) for size in outline.tokens]


def _spread(
    found: Sequence[int], own: Sequence[float], handed: Sequence[float], neighbours: Sequence[float]
) -> dict[int, float]:
    """The best evidence each message has of one stem: its own, or what a neighbour hands on."""
    best = {position: own[position] for position in found}
    last = len(own) - 1
    reach = tuple(enumerate(neighbours, start=1))
    for position in found:
        evidence = handed[position]
        for distance, share in reach:
            worth = evidence * share
            before, after = position - distance, position + distance
            if before >= 0 and worth > best.get(before, 0.0):
                best[before] = worth
            if after <= last and worth > best.get(after, 0.0):
                best[after] = worth
    return best
