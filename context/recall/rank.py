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
    norm = typical(outline)
    for stem, weight in query.weights.items():
        _add(total, outline, postings.get(stem, ()), weight, norm, policy, spread=True)
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
    norm = typical(outline)
    for stem, weight in weights.items():
        _add(total, outline, postings.get(stem, ()), weight, norm, policy, spread=False)


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


def worth(score: float, tokens: float, policy: RecallPolicy) -> float:
    """Value per token."""
    return score / (tokens + policy.attention)


def best(values: Sequence[float], outline: Outline, policy: RecallPolicy, most: int) -> list[int]:
    """The positions of the `most` best messages by value per token; of equals the newer."""
    density = [worth(score, size, policy) for score, size in zip(values, outline.tokens, strict=True)]
    scored = (position for position, score in enumerate(values) if score > 0)
    return sorted(scored, key=lambda position: (-density[position], -position))[:most]


def rarity(messages: int, found: int) -> float:
    """BM25's inverse document frequency, never negative."""
    return log(1 + (messages - found + 0.5) / (found + 0.5))


def typical(outline: Outline) -> float:
    """The mean size of the user's messages."""
    sizes = [size for size, role in zip(outline.tokens, outline.roles, strict=True) if role == "user"]
    return max(1.0, sum(sizes) / len(sizes)) if sizes else 1.0


def _add(
    total: list[float],
    outline: Outline,
    found: Sequence[int],
    weight: float,
    norm: float,
    policy: RecallPolicy,
    *,
    spread: bool,
) -> None:
    if not found:
        return
    full = weight * rarity(len(outline), len(found)) * (policy.saturation + 1)
    k, b, sizes = policy.saturation, policy.length, outline.tokens
    own = {position: full / (1 + k * (1 - b + b * sizes[position] / norm)) for position in found}
    if not spread:
        for position, evidence in own.items():
            total[position] += evidence
        return
    best_of: dict[int, float] = own.copy()
    last = len(total) - 1
    reach = tuple(enumerate(policy.neighbours, start=1))
    for position in found:
        handed = full / (1 + k * sizes[position] / norm)
        for distance, share in reach:
            evidence = handed * share
            before, after = position - distance, position + distance
            if before >= 0 and evidence > best_of.get(before, 0.0):
                best_of[before] = evidence
            if after <= last and evidence > best_of.get(after, 0.0):
                best_of[after] = evidence
    for position, evidence in best_of.items():
        total[position] += evidence
