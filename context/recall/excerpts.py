"""The part of a long message that matters: the sentences around the words looked for, with where they stand."""

import re
from collections.abc import Callable, Mapping

from context.recall.policy import RecallPolicy
from context.recall.words import stems

READ = 40_000  # characters of a message that are looked through

# A sentence with what ends it; lines end sentences, so that lists and code come apart by line.
_SENTENCE = re.compile(r"[^\n.!?。！？]+(?:[.!?。！？]+(?=\s|$|[^\x00-\x7f])|[.!?](?!\s)|\n|$)*|[.!?\n]+")


def excerpt(
    text: str, weights: Mapping[str, float], count: Callable[[str], int], policy: RecallPolicy
) -> tuple[tuple[int, int], ...]:
    """The character ranges of the best sentences that fit the excerpt's size, in order; none when no sentence has a word."""
    spans = sentences(text[:READ])
    held = [{root for root in stems(text[start:end]) if root in weights} for start, end in spans]
    chosen: set[int] = set()
    covered: dict[str, int] = {}
    left = policy.excerpt_size
    while True:
        gains = {
            index: sum(weights[root] / (1 + covered.get(root, 0)) for root in held[index])
            for index in range(len(spans))
            if held[index] and index not in chosen
        }
        fitting = [index for index in gains if gains[index] > 0 and count(_cut(text, spans[index])) <= left]
        if not fitting:
            break
        index = max(fitting, key=lambda index: (gains[index], -index))
        chosen.add(index)
        left -= count(_cut(text, spans[index]))
        for root in held[index]:
            covered[root] = covered.get(root, 0) + 1
    return _joined([spans[index] for index in sorted(chosen)])


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a text begins and ends; blank ones are left out."""
    return [match.span() for match in _SENTENCE.finditer(text) if match[0].strip()]


def _cut(text: str, span: tuple[int, int]) -> str:
    return text[span[0] : span[1]]


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    made: list[tuple[int, int]] = []
    for start, end in spans:
        if made and made[-1][1] == start:
            made[-1] = (made[-1][0], end)
        else:
            made.append((start, end))
    return tuple(made)
