"""What kinds of things a word names: basketball is a sport, Lisbon is a city. A question often names the kind alone.

From WordNet 3.1 (kinds.LICENSE.txt), cut down to single English nouns and four levels by
`tests/bench/recall/make_kinds.py`. A kind is indexed with a message as if it were a stem.
"""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from context.recall.function_words import is_english

FILE = Path(__file__).with_name("kinds.txt.gz")


def kinds(words: Iterable[str], roots: Iterable[str]) -> Iterator[str]:
    """The kinds that the stems of a text name, which consists of these words; none in other languages than English."""
    if is_english(words):
        for root in roots:
            yield from _row(root, 0)


def member_kinds(words: Iterable[str], roots: Iterable[str]) -> dict[str, Sequence[str]]:
    """For each stem of a question, which consists of these words, the kinds whose members it may mean; stems with none are absent."""
    if not is_english(words):
        return {}
    return {root: kinds for root in roots if (kinds := tuple(_row(root, 1)))}


def _row(root: str, column: int) -> Iterator[str]:
    row = _table().get(root)
    if row is not None:
        # No stem holds a space: a kind is never taken for a word.
        yield from (f" {number}" for number in row.split(" ")[column].split(",") if number)


@cache
def _table() -> dict[str, str]:
    lines = gzip.decompress(FILE.read_bytes()).decode().split("\n")
    return {root: row for root, _, row in (line.partition(" ") for line in lines)}
