"""Excerpts of long messages: the sentences that hold the words of the query, as character ranges."""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from heapq import heapify, heappop, heappush

from context.recall.normalization import normalized
from context.recall.policy import RecallPolicy
from context.recall.stems import word_stems
from context.recall.words import spellings

READ = 40_000  # characters of a message that are looked through

# A sentence with what ends it; lines end sentences, so that lists and code come apart by line.
_SENTENCE = re.compile(r"[^\n.!?。！？]+[.!?。！？\n]*|[.!?\n]+")
SPELLINGS = 32  # of the words looked for: with more, it is quicker to take every sentence apart


def excerpt(
    text: str, weights: Mapping[str, float], count: Callable[[str], int], policy: RecallPolicy
) -> tuple[tuple[int, int], ...]:
    """The character ranges of the best sentences that fit the excerpt's size, in order; none when no sentence has a word."""
    spans = sentences(text[:READ])
    held = _held(text[:READ], spans, weights)
    size = cache(lambda index: count(text[spans[index][0] : spans[index][1]]))
    chosen = _best(held, weights, size, policy.excerpt_size)
    return _joined([spans[index] for index in sorted(chosen)])


def _best(
    held: Mapping[int, tuple[str, ...]], weights: Mapping[str, float], size: Callable[[int], int], left: int
) -> list[int]:
    """The sentences to take, one after the other: always the one that adds most among those that fit, the earliest first.

    Sentences with the same stems add the same, so only the first of them competes. What one adds only falls as others are taken:
    one that still adds most when it is computed anew adds most of all.
    """
    groups: dict[tuple[str, ...], deque[int]] = {}
    for index in sorted(held):
        groups.setdefault(held[index], deque()).append(index)
    covered: dict[str, int] = {}

    def gain(roots: tuple[str, ...]) -> float:
        return sum(weights[root] / (1 + covered.get(root, 0)) for root in roots)

    best = [(-gain(roots), group[0], roots) for roots, group in groups.items()]
    heapify(best)
    chosen: list[int] = []
    while best and left > 0:
        former, index, roots = heappop(best)
        now = gain(roots)
        if now <= 0:
            continue
        if now == -former:
            groups[roots].popleft()
            if size(index) <= left:
                chosen.append(index)
                left -= size(index)
                covered.update((root, covered.get(root, 0) + 1) for root in roots)
                now = gain(roots)
        if groups[roots]:
            heappush(best, (-now, groups[roots][0], roots))
    return chosen


def _held(
    text: str, spans: Sequence[tuple[int, int]], weights: Mapping[str, float]
) -> dict[int, tuple[str, ...]]:
    """The stems looked for that each sentence holds, in the order of their weights; sentences with none are absent.

    Most sentences hold none: only those are taken apart in which the letters of a word looked for occur at all.
    """
    stems = word_stems(text)
    sought = [
        spelt
        for spelt, word in spellings(normalized(text)).items()
        if not weights.keys().isdisjoint(stems[word])
    ]
    made: dict[int, tuple[str, ...]] = {}
    for index, (start, end) in enumerate(spans):
        plain = normalized(text[start:end])
        if len(sought) > SPELLINGS or any(spelt in plain for spelt in sought):
            held = {root for word in spellings(plain).values() for root in stems.get(word, (word,))}
            made[index] = tuple(root for root in weights if root in held)
    return {index: held for index, held in made.items() if held}


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a text begins and ends; blank ones are left out."""
    return [match.span() for match in _SENTENCE.finditer(text) if match[0].strip()]


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    made: list[tuple[int, int]] = []
    for start, end in spans:
        if made and made[-1][1] == start:
            made[-1] = (made[-1][0], end)
        else:
            made.append((start, end))
    return tuple(made)
