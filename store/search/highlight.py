"""Find the words of a text that a query matches, as ranges of the text as it was written, whatever normalization made of them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from context.recall.normalization import clusters, normalized, pieces
from store.search.words import Term, signed_stems, terms, word_spans

Span = tuple[int, int]


def highlights(text: str, query: str) -> Iterator[Span]:
    """The ranges of `text` that match a term of the query, in order, without overlaps: the rules are those of `store.search.messages.find`."""
    wanted = terms(query)
    if not wanted:
        return
    parts = list(pieces(text))
    plain = [normalized(part) for part in parts]
    found = list(word_spans("".join(plain)))
    stems = signed_stems(text, dict.fromkeys(word for word, _ in found))
    original = _Original(parts, plain)
    end = 0
    for first, last in _matching([word for word, _ in found], stems, wanted):
        span = original.span(found[first][1][0], found[last][1][1])
        if span is not None and span[1] > end:
            yield max(span[0], end), span[1]
            end = span[1]


def _matching(
    found: Sequence[str], stems: dict[str, tuple[str, ...]], wanted: Sequence[Term]
) -> Iterator[tuple[int, int]]:
    """The first and the last word of each place that matches a term, in order."""

    forms = {term: frozenset(term.forms) for term in wanted}

    @cache
    def begins(word: str) -> list[tuple[Term, int]]:
        """The terms that may begin with the word, and how many more words they have."""
        indexed = (word, *stems.get(word, ()))
        return [
            (term, len(term.words) - 1)
            for term in wanted
            if word == term.words[0]
            or (
                len(term.words) == 1
                and ((term.prefix and word.startswith(term.words[0])) or not forms[term].isdisjoint(indexed))
            )
        ]

    for index, word in enumerate(found):
        ends = [index + more for term, more in begins(word) if not more or _follows(found, index, term)]
        if ends:
            yield index, max(ends)


def _follows(found: Sequence[str], index: int, term: Term) -> bool:
    *before, last = found[index : index + len(term.words)]
    if len(before) + 1 < len(term.words) or tuple(before) != term.words[:-1]:
        return False
    return last.startswith(term.words[-1]) if term.prefix else last == term.words[-1]


class _Original:
    """Where the characters of a normalized text come from; only pieces that are asked about are looked at closely."""

    def __init__(self, parts: Sequence[str], plain: Sequence[str]) -> None:
        self._parts, self._plain = parts, plain
        self._starts = [0, *accumulate(map(len, parts))]
        self._plain_starts = [0, *accumulate(map(len, plain))]
        self._closely = cache(self._clusters)

    def span(self, start: int, end: int) -> Span | None:
        """The original range of a range of the normalized text; None where normalization depends on more than a character's marks."""
        first, last = self._place(start), self._place(end - 1)
        return None if first is None or last is None else (first[0], last[1])

    def _place(self, position: int) -> Span | None:
        piece = bisect_right(self._plain_starts, position) - 1
        ends, spans = self._closely(piece)
        if ends[-1] != len(self._plain[piece]):
            return None
        start, end = spans[bisect_right(ends, position - self._plain_starts[piece])]
        return self._starts[piece] + start, self._starts[piece] + end

    def _clusters(self, piece: int) -> tuple[list[int], list[Span]]:
        """For each character of a piece with its marks: where its normalized form ends, and where it stands itself."""
        ends, spans, at, length = [], [], 0, 0
        for cluster in clusters(self._parts[piece]):
            length += len(normalized(cluster))
            ends.append(length)
            spans.append((at, at + len(cluster)))
            at += len(cluster)
        return ends, spans
