"""Look up the kinds of words (greeting, task, mathematics, …) in `lexicon.toml`, for some thirty languages."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

SMALL_TALK: Final = frozenset(("greeting", "thanks", "goodbye", "yes", "no", "praise"))

# Scripts written without spaces, whose entries are found anywhere in a run of letters.
UNSPACED: Final = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_UNSPACED = re.compile(f"[{UNSPACED}]")

# Longest stem (`word*`) worth looking up, and shortest.
_STEMS = range(2, 16)
# Small words that Arabic and Hebrew write together with the word after them: "and", "the", "in", "to", "that".
_PROCLITICS = re.compile("(?:[وفبلك]?ال|لل|[وبل])(?=[\u0621-\u064a]{3})|[והבלשמכ](?=[\u05d0-\u05ea]{3})")

REMEMBERED: Final = 16_384  # words whose kinds are remembered: 5 MB at worst
LONGEST: Final = 64  # letters of a word that is remembered

Kinds = tuple[str, ...]
_NONE: Kinds = ()


class Lexicon:
    """Words, pairs of words and stems with their kinds; `of_run` for scripts without spaces."""

    def __init__(self, languages: Mapping[str, Mapping[str, str]]) -> None:
        words: dict[str, set[str]] = {}
        runs: dict[str, set[str]] = {}
        stems: dict[str, set[str]] = {}
        for kind, by_language in languages.items():
            for entries in by_language.values():
                for entry in entries.split():
                    if _UNSPACED.match(entry):
                        runs.setdefault(entry, set()).add(kind)
                    elif entry.endswith("*"):
                        stems.setdefault(entry[:-1], set()).add(kind)
                    else:
                        for form in {entry, _plain(entry)}:
                            words.setdefault(form, set()).add(kind)
        self.words = _frozen(words)
        self.openers = frozenset(word.partition("_")[0] for word in words if "_" in word)
        self.stems = _frozen(stems)
        self.runs = _frozen(runs)
        self.run = re.compile(
            "|".join(sorted(map(re.escape, runs), key=lambda run: (-len(run), run))) or "(?!)"
        )
        self._known = lru_cache(maxsize=REMEMBERED)(self._of)

    def of(self, word: str) -> Kinds:
        """The kinds of a word, or of a pair joined by `_`. What is too long for a word is not remembered."""
        return self._known(word) if len(word) <= LONGEST else self._of(word)

    def _of(self, word: str) -> Kinds:
        kinds = self.words.get(word)
        if kinds is not None:
            return kinds
        if self.stems and "_" not in word:
            for length in _STEMS:
                kinds = self.stems.get(word[:length])
                if kinds is not None:
                    return kinds
        if word > "\u0590" and (joined := _PROCLITICS.match(word)):
            return self.words.get(word[joined.end() :], _NONE)
        return _NONE

    def of_run(self, run: str) -> list[tuple[str, Kinds]]:
        """What is known in a run of unspaced letters, longest first at each place."""
        return [(word, self.runs[word]) for word in self.run.findall(run)]


@cache
def english() -> Lexicon:
    """The English entries alone: a text that is plainly English is read with these."""
    return Lexicon({kind: {"en": entries["en"]} for kind, entries in _shipped().items() if "en" in entries})


@cache
def world() -> Lexicon:
    """The entries of all languages."""
    return Lexicon(_shipped())


@cache
def foreign_openers() -> frozenset[str]:
    """First words of pairs that no English pair begins with."""
    return world().openers - english().openers


@cache
def _shipped() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files("context.routing").joinpath("lexicon.toml").read_text("utf-8"))


def _frozen(words: Mapping[str, set[str]]) -> dict[str, Kinds]:
    return {word: tuple(sorted(kinds)) for word, kinds in words.items()}


def _plain(word: str) -> str:
    """Latin letters without their accents, as many people type them; short words would clash."""
    bare = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return bare if bare.isascii() and len(bare) > 2 else word
