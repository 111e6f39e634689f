"""Score each message for a question: BM25 within the thread, helped by neighbouring messages, voice and dates.

Theory of operation. A stem's weight is its rarity in this thread. A message scores the sum over stems of the best evidence for
each: its own, or a share of what stands in a neighbour - the best and not the sum, so that a subject talked about at length does
not outvote a message that covers more of the question. How often a stem occurs within a message is not looked at: measured,
it adds nothing for short messages, and for long ones it says they are long. Only messages with evidence are visited: the work
is that of the places read, whatever the length of the thread.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

from context.recall.policy import RecallPolicy
from context.recall.query import Query
from context.recall.thread import Outline

Postings = Mapping[str, Sequence[int]]  # stem to the positions of the messages that hold it, ascending


def counted(postings: Postings, messages: int, most: int) -> dict[str, int]:
    """How many of the thread's `messages` hold each stem, where at most the newest `most` places of each were read.

    A list that was cut is taken to go on as densely as it was read: how far back its places reach says how many there are.
    """
    return {
        stem: len(places) if len(places) < most else len(places) * messages // (messages - places[0])
        for stem, places in postings.items()
        if places
    }


def lengths(postings: Postings) -> dict[str, int]:
    """How many messages hold each stem, where every place was read."""
    return {stem: len(places) for stem, places in postings.items()}


def rarest(
    weights: Mapping[str, float], counts: Mapping[str, int], messages: int, most: int
) -> dict[str, float]:
    """The `most` stems that tell the most; `counts` is how many messages hold each."""
    worth = {
        stem: weight * rarity(messages, counts[stem]) for stem, weight in weights.items() if counts.get(stem)
    }
    best = set(sorted(worth, key=lambda stem: -worth[stem])[:most])
    return {stem: weights[stem] for stem in weights if stem in best}


def kindred(query: Query, postings: Postings, kinds: Postings, policy: RecallPolicy) -> dict[str, float]:
    """The weights of the kinds that a question's words ask for, of those that say more than the word itself.

    `kinds` are the places of each kind; kinds that stand everywhere must be left out of it.
    """
    made: dict[str, float] = {}
    for stem, weight in query.weights.items():
        for kind in query.kinds.get(stem, ()):
            if not set(kinds.get(kind, ())).issubset(postings.get(stem, ())):
                made[kind] = max(made.get(kind, 0.0), policy.kind * weight)
    return made


def scores(
    outline: Outline, query: Query, postings: Postings, counts: Mapping[str, int], policy: RecallPolicy
) -> dict[int, float]:
    """The worth of each message to the query; those with no evidence at all are absent.

    `counts` is how many messages hold each stem; `postings` may name the newest of them only.
    """
    total: dict[int, float] = defaultdict(float)
    own, handed = _damping(outline, policy, policy.length), _damping(outline, policy, 1.0)
    everywhere: dict[int, float] = defaultdict(float)
    common = too_common(len(outline), policy)
    for stem, weight in query.weights.items():
        positions = postings.get(stem, ())
        if not positions:
            continue
        full = weight * rarity(len(outline), counts[stem])
        if counts[stem] > common:  # its neighbours hold it too
            for position in positions:
                everywhere[position] += full
        else:
            for position, share in _spread(positions, outline.tokens, own, handed, policy.neighbours).items():
                total[position] += full * share
    for position, damped in own.of(everywhere, outline.tokens).items():
        total[position] += everywhere[position] * damped
    for start, end in query.dates:
        on_it = [position for position, at in enumerate(outline.at) if start <= at < end]
        if len(on_it) < len(outline):
            worth = policy.dated * rarity(len(outline), len(on_it))
            for position in on_it:
                total[position] += worth
    return dict(total)


def learn(
    total: dict[int, float],
    outline: Outline,
    weights: Mapping[str, float],
    postings: Postings,
    policy: RecallPolicy,
) -> None:
    """Add the evidence of learned words to `total`, in place. Neighbours get nothing of it: it is too weak."""
    own = _damping(outline, policy, policy.length)
    evidence: dict[int, float] = defaultdict(float)  # a position stands in many lists: its size counts once
    for stem, weight in weights.items():
        positions = postings.get(stem, ())
        full = weight * rarity(len(outline), len(positions))
        for position in positions:
            evidence[position] += full
    for position, damped in own.of(evidence, outline.tokens).items():
        total[position] = total.get(position, 0.0) + evidence[position] * damped


def voiced(
    total: Mapping[int, float], outline: Outline, query: Query, policy: RecallPolicy
) -> dict[int, float]:
    """Scores with what a message's voice adds: the words of who is asked about ("me", or a speaker by name); stated preferences and events always."""
    made = dict(total)
    if query.first_person:
        for position in made:
            if outline.roles[position] == "user":
                made[position] *= policy.own_words
    for position in outline.speaking:
        if position in made:
            made[position] *= policy.speaking
    for position in outline.preferring:
        if position in made:
            made[position] *= policy.preference
    own = _damping(outline, policy, policy.length)
    telling = policy.telling * rarity(len(outline), len(outline.telling))
    for position, damped in own.of(outline.telling, outline.tokens).items():
        if position in made:
            made[position] += telling * damped
    return {position: worth**policy.cover for position, worth in made.items()}


def density(values: Mapping[int, float], outline: Outline, policy: RecallPolicy) -> dict[int, float]:
    """The value per token of the message at each position."""
    extra, sizes = policy.attention, outline.tokens
    return {position: value / (sizes[position] + extra) for position, value in values.items()}


def ranked(
    values: Mapping[int, float], outline: Outline, policy: RecallPolicy, above: float = 0.0
) -> list[int]:
    """The positions of the messages worth more than `above`, by value per token; of equals the newer first."""
    worth = density(values, outline, policy)
    worthy = sorted((position for position, value in values.items() if value > above), reverse=True)
    return sorted(worthy, key=worth.__getitem__, reverse=True)


def too_common(messages: int, policy: RecallPolicy) -> int:
    """In how many messages a word may stand and still tell one from another."""
    return max(policy.common_least, int(policy.common * messages))


def rarity(messages: int, holding: int) -> float:
    """BM25's inverse document frequency, never negative. `holding`: how many of the `messages` hold the stem."""
    return log(1 + (messages - holding + 0.5) / (holding + 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Damping:
    """What a stem in a message counts by that message's size: BM25's term for one occurrence."""

    top: float
    fixed: float
    growing: float

    def of(self, positions: Iterable[int], sizes: Sequence[int]) -> dict[int, float]:
        """The term at each position."""
        top, fixed, growing = self.top, self.fixed, self.growing
        return {position: top / (fixed + growing * sizes[position]) for position in positions}


def _damping(outline: Outline, policy: RecallPolicy, length: float) -> _Damping:
    """With `length` as BM25's b."""
    k = policy.saturation
    return _Damping(top=k + 1, fixed=1 + k * (1 - length), growing=k * length / outline.typical)


def _spread(
    positions: Sequence[int],
    sizes: Sequence[int],
    own: _Damping,
    handed: _Damping,
    neighbours: Sequence[float],
) -> dict[int, float]:
    """The best evidence each message has of one stem: its own, or what a neighbour hands on."""
    best = own.of(positions, sizes)
    evidence = handed.of(positions, sizes)
    held = best.get
    for distance, share in enumerate(neighbours, start=1):
        for position, worth in evidence.items():
            worth *= share
            if worth > held(position - distance, 0.0):
                best[position - distance] = worth
            if worth > held(position + distance, 0.0):
                best[position + distance] = worth
    # Looked at after the loop and not at each of its steps: it is the innermost of all.
    for outside in range(1, len(neighbours) + 1):
        best.pop(-outside, None)
        best.pop(len(sizes) - 1 + outside, None)
    return best
