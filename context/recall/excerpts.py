"""Excerpts of long messages: the sentences that hold the words of the query, as character ranges."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from context.recall.policy import RecallPolicy
from context.recall.words import normalized, spellings, stem

READ = 40_000  # characters of a message that are looked through

# A sentence with what ends it; lines end sentences, so that lists and code come apart by line.
_SENTENCE = re.compile(r"[^\n.!?。！？]+(?:[.!?。！？]+(?=\s|$|[^\x00-\x7f])|[.!?](?!\s)|\n|$)*|[.!?\n]+")


def excerpt(
    text: str, weights: Mapping[str, float], count: Callable[[str], int], policy: RecallPolicy
) -> tuple[tuple[int, int], ...]:
    """The character ranges of the best sentences that fit the excerpt's size, in order; none when no sentence has a word."""
    spans = sentences(text[:READ])
    held = _held(text[:READ], spans, weights)
    size = cache(lambda index: count(text[spans[index][0] : spans[index][1]]))
    chosen: set[int] = set()
    covered: dict[str, int] = {}
    left = policy.excerpt_size
    while True:
        gains = {
            index: sum(weights[root] / (1 + covered.get(root, 0)) for root in roots)
            for index, roots in held.items()
            if index not in chosen
        }
        fitting = [index for index in gains if gains[index] > 0 and size(index) <= left]
        if not fitting:
            break
        index = max(fitting, key=lambda index: (gains[index], -index))
        chosen.add(index)
        left -= size(index)
        for root in held[index]:
            covered[root] = covered.get(root, 0) + 1
    return _joined([spans[index] for index in sorted(chosen)])


def _held(text: str, spans: Sequence[tuple[int, int]], weights: Mapping[str, float]) -> dict[int, list[str]]:
    """The stems looked for that each sentence holds, in the order of their weights; sentences with none are absent.

    Most sentences hold none: only those are taken apart in which the letters of a word looked for occur at all.
    """
    roots = {spelt: stem(word) for spelt, word in spellings(normalized(text)).items()}
    sought = [spelt for spelt, root in roots.items() if root in weights]
    made: dict[int, list[str]] = {}
    for index, (start, end) in enumerate(spans):
        plain = normalized(text[start:end])
        if any(spelt in plain for spelt in sought):
            held = {roots.get(spelt) or stem(word) for spelt, word in spellings(plain).items()}
            made[index] = [root for root in weights if root in held]
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
