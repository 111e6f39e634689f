"""Turn the new message into a query: its stems with their weights, and the dates it names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from context.recall.dates import MONTHS, Range, ranges
from context.recall.function_words import FIRST_PERSON, PALE_WORDS, function_words
from context.recall.kinds import member_kinds
from context.recall.policy import DEFAULT, RecallPolicy
from context.recall.stems import word_stems
from context.recall.words import tokens

# Characters of the new message that are looked at, from the beginning and from the end: a question stands at either end of
# what it is about.
END = 2_000

_QUOTED = re.compile(r"[\"“„«「『]([^\"“”„«»「」『』\n]{2,80})[\"”“»」』]|`([^`\n]{2,80})`")
_DATE_SIGNS = frozenset("年月日")
_NAME = re.compile(r"(?<=[\w,;:)] )[A-Z][\w'-]*\w")  # a capital that no sentence begins with


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`weights` holds each stem's weight, in the order of the text; `first_person` says that the person speaks of himself or herself.

    `date_words` are the stems of months, numbers and the like, where the text names a date. `others` are further stems of the words behind a stem: what holds one of them holds the word. `kinds` are the kinds of things a stem may ask for ("city"), whose members a message may name instead ("Lisbon").
    """

    weights: Mapping[str, float]
    kinds: Mapping[str, Sequence[str]]
    dates: tuple[Range, ...]
    first_person: bool
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    date_words: frozenset[str] = frozenset()

    def looked_up(self, most: int) -> list[str]:
        """The stems to look up in the index: of `most` words, the first and the last of the text."""
        stems = list(self.weights)
        half = most // 2
        chosen = stems if len(stems) <= most else stems[:half] + stems[half - most :]
        return list(dict.fromkeys(other for stem in chosen for other in (stem, *self.others.get(stem, ()))))

    def joined(self, places: Mapping[str, Sequence[int]], most: int) -> dict[str, Sequence[int]]:
        """`places` of each stem, ascending, with those of further stems of its words among them: the last `most`."""
        further = {
            stem: sorted({place for each in (stem, *others) for place in places.get(each, ())})[-most:]
            for stem, others in self.others.items()
        }
        return {**places, **{stem: held for stem, held in further.items() if held}}

    def every_stem(self) -> dict[str, float]:
        """The weights, with those of further stems of the same words."""
        others = ((other, stem) for stem, others in self.others.items() for other in others)
        return {other: self.weights[stem] for other, stem in others if stem in self.weights} | dict(
            self.weights
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not self.weights and not self.dates


def analyse(text: str, *, now: int, policy: RecallPolicy = DEFAULT) -> Query:
    """The query a new message makes. `now` in milliseconds gives words like "yesterday" their meaning."""
    if len(text) > 2 * END:
        text = f"{text[:END]}\n{text[-END:]}"
    words = list(tokens(text))
    spoken = dict.fromkeys(words)
    silent = function_words(spoken)
    stems = word_stems(text)
    loud = {stems.get(word, (word,))[0] for word in _named(text)}
    weights: dict[str, float] = {}
    others: dict[str, tuple[str, ...]] = {}
    of_dates: set[str] = set()
    for word in words:
        if word in silent or (len(word) == 1 and word.isascii() and not word.isdigit()):
            continue
        root, *further = stems[word]
        weight = policy.pale if word in PALE_WORDS else 1.0
        if root in loud or word[0].isdigit():
            weight *= policy.named
        weights[root] = max(weight, weights.get(root, 0.0))
        if further:
            others[root] = (*others.get(root, ()), *further)
        if word[0].isdigit() or word in MONTHS or word in _DATE_SIGNS:
            of_dates.add(root)
    dates = ranges(text, now)
    return Query(
        weights=weights,
        kinds=member_kinds(spoken, weights),
        dates=dates,
        first_person=not FIRST_PERSON.isdisjoint(words),
        others=others,
        date_words=frozenset(of_dates) if dates else frozenset(),
    )


def _named(text: str) -> set[str]:
    quoted = (inner for match in _QUOTED.finditer(text) for inner in match.groups() if inner)
    names = (match[0] for match in _NAME.finditer(text))
    return {word for part in (*quoted, *names) for word in tokens(part)}
