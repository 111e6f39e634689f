"""Whether the summary says already what an older message says, so that nobody pays for it twice."""

from collections.abc import Mapping, Sequence
from typing import Final

from context.recall.function_words import function_words
from context.recall.stems import word_stems
from context.recall.thread import Source

ENOUGH: Final = 0.8  # of a message's telling words: what is left out may be what is asked for
READ: Final = 2_000  # characters: a longer message is never held by one line


def in_summary(source: Source, summary_lines: Mapping[str, Sequence[str]]) -> bool:
    """Whether the lines that name a message as their source hold nearly all of its telling words. `summary_lines`: such lines by message id."""
    lines = summary_lines.get(source.id)
    if not lines or len(source.text) > READ:
        return False
    stems = word_stems(source.text)
    silent = function_words(stems)
    telling = {stems[word][0] for word in stems if word not in silent}
    held = {stem for line in lines for each in word_stems(line).values() for stem in each}
    return bool(telling) and len(telling & held) >= ENOUGH * len(telling)
