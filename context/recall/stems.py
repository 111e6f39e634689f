"""Reduce words to stems, by language: Snowball's algorithms, each loaded when a text needs it.

A script has one language whose rules apply to all words in it (English for Latin letters, Russian for Cyrillic ones). A text in
another language of that script has that language's stems as well, so that words meet although the language of a short text is often
unknown. Words of scripts without rules are cut to their beginning. A change of these rules, or another version of Snowball,
needs a new rebuild of the search indexes (`store.search.rebuild`).
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from threading import Lock
from typing import Any, Final

from context.recall import function_words
from context.recall.function_words import language_of
from context.recall.normalization import accented, normalized
from context.recall.words import spellings

LONGEST_WORD: Final = 64  # letters of a word that count: what is longer is no word, and stems are remembered
READ: Final = 8_000  # characters that tell a text's language
BEGINNING: Final = 7  # letters of a word in a script without rules: enough to tell roots apart, short enough to drop most endings

# Snowball's algorithm for each language. Porter's first one for English: `kinds` is keyed by its stems, and its successor finds no more.
ALGORITHMS: Final = {
    "en": "porter", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "es": "spanish", "et": "estonian",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hr": "serbian", "hu": "hungarian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "sv": "swedish",
    "tr": "turkish", "ru": "russian", "el": "greek", "ar": "arabic", "fa": "persian", "hi": "hindi", "ta": "tamil",
    "hy": "armenian",
}  # fmt: skip
# Languages without an algorithm that lose the endings of a close relative.
RELATIVES: Final = {"af": "nl", "gl": "pt", "ms": "id", "sk": "cs", "sl": "hr"}
# The letters of each script as ranges, the language whose rules always apply, and others that are written in it.
SCRIPTS: Final[tuple[tuple[str, str, list[str]], ...]] = (
    (
        "\0\u024f\u1e00\u1eff",
        "en",
        [
            "ca",
            "cs",
            "da",
            "de",
            "es",
            "et",
            "eu",
            "fi",
            "fr",
            "ga",
            "hr",
            "hu",
            "id",
            "it",
            "lt",
            "nl",
            "no",
            "pl",
            "pt",
            "ro",
            "sv",
            "tr",
        ],
    ),
    ("\u0400\u052f", "ru", []),
    ("\u0370\u03ff\u1f00\u1fff", "el", []),
    ("\u0600\u06ff\u0750\u077f", "ar", ["fa"]),
    ("\u0900\u097f", "hi", []),
    ("\u0b80\u0bff", "ta", []),
    ("\u0530\u058f", "hy", []),
)
LAST: Final = "\u1fff"  # of their letters
_PLAIN: Final = re.compile(r"[a-z]+\Z")

# English past forms and plurals that no ending explains, behind what they come from.
_FORMS: Final = """
become:became begin:began,begun bite:bit,bitten blow:blew,blown break:broke,broken bring:brought build:built buy:bought
catch:caught choose:chose,chosen come:came deal:dealt dig:dug draw:drew,drawn drink:drank,drunk drive:drove,driven
eat:ate,eaten fall:fell,fallen feed:fed feel:felt fight:fought find:found fly:flew,flown forget:forgot,forgotten
forgive:forgave,forgiven freeze:froze,frozen get:got,gotten give:gave,given go:went,gone grow:grew,grown hang:hung hear:heard
hide:hid,hidden hold:held keep:kept know:knew,known lay:laid lead:led leave:left lend:lent lose:lost make:made mean:meant
meet:met pay:paid ride:rode,ridden ring:rang,rung rise:rose,risen run:ran say:said see:saw,seen seek:sought sell:sold
send:sent shake:shook,shaken shine:shone shoot:shot show:shown sing:sang,sung sink:sank,sunk sit:sat sleep:slept
speak:spoke,spoken spend:spent stand:stood steal:stole,stolen stick:stuck strike:struck swim:swam,swum take:took,taken
teach:taught tear:tore,torn tell:told think:thought throw:threw,thrown understand:understood wake:woke,woken wear:wore,worn
win:won write:wrote,written child:children man:men woman:women foot:feet tooth:teeth mouse:mice goose:geese person:people
life:lives wife:wives knife:knives leaf:leaves half:halves shelf:shelves wolf:wolves
"""
_IRREGULAR: Final = {
    form: base
    for base, _, forms in (entry.partition(":") for entry in _FORMS.split())
    for form in forms.split(",")
}

_snowball = Lock()  # a stemmer holds the word it works on


def load() -> None:
    """Load the lists and the library, which takes a tenth of a second; otherwise the first text does."""
    function_words.load()
    _snowball_stem("loaded", "en")


def word_stems(text: str) -> dict[str, tuple[str, ...]]:
    """The words of a text as `words.vocabulary` gives them, in order, each with its stems: those of the text's language first."""
    words = dict.fromkeys(spellings(normalized(text)).values())
    language = language_of(words)
    marked = marked_forms(text)
    return {word: stems(word, marked.get(word, word), language) for word in words}


def language_of_text(text: str) -> str | None:
    """The language of a text by its first READ characters; None when it is not known."""
    return language_of(spellings(normalized(text[:READ])).values())


def marked_forms(text: str) -> dict[str, str]:
    """The words of a text with the accents they were written with, by their normalized form; plain words are absent."""
    return by_normalized(spellings(accented(text)).values()) if marked_letter(text) else {}


def by_normalized(words: Iterable[str]) -> dict[str, str]:
    """Words with accents by their normalized form; plain words are absent."""
    return {normalized(word): word for word in words if marked_letter(word)}


def marked_letter(text: str) -> bool:
    """Whether a text has a letter that loses a mark when it is normalized, in a script that has rules: they may need it."""
    return not text.isascii() and _marked_letters().search(text) is not None


@cache
def _marked_letters() -> re.Pattern[str]:
    ends = (script[0] for script in SCRIPTS)
    letters = (
        chr(code)
        for ranges in ends
        for first, last in zip(ranges[::2], ranges[1::2], strict=True)
        for code in range(max(0x80, ord(first)), ord(last) + 1)
    )
    marked = (letter for letter in letters if letter.isalpha() and normalized(letter) != accented(letter))
    return re.compile(f"[\u0300-\u036f{''.join(marked)}]")


def stems(word: str, marked: str, language: str | None) -> tuple[str, ...]:
    """The stems of a normalized word, which is written `marked`, in a text of that language; at least one."""
    return _stems(word[:LONGEST_WORD], marked[:LONGEST_WORD], language)


@lru_cache(maxsize=16_384)
def _stems(word: str, marked: str, language: str | None) -> tuple[str, ...]:
    script = _script(word)
    if script is None:
        return (word[:BEGINNING] if word.isalpha() else word,)
    default, others = script
    language = RELATIVES.get(language or "", language)
    if language not in others:
        return (_stem(word, marked, default),)
    return tuple(dict.fromkeys((_stem(word, marked, language), _stem(word, marked, default))))


def default_stem(word: str, marked: str) -> str | None:
    """The stem of a word by the language whose rules always apply in its script; None for scripts without rules."""
    script = _script(word)
    return None if script is None else _stem(word[:LONGEST_WORD], marked[:LONGEST_WORD], script[0])


@lru_cache(maxsize=8_192)
def other_stems(word: str, marked: str, language: str | None = None) -> tuple[str, ...]:
    """The stem of a word by another language of its script, or by each of them: none when it is not such a language."""
    script = _script(word)
    if script is None:
        return ()
    language = RELATIVES.get(language or "", language)
    languages = script[1] if language is None else [other for other in script[1] if other == language]
    word, marked = word[:LONGEST_WORD], marked[:LONGEST_WORD]
    return tuple(dict.fromkeys(_stem(word, marked, other) for other in languages))


def _script(word: str) -> tuple[str, list[str]] | None:
    """The languages of the script of a word's first letter; None for what is no word of letters, and for scripts without rules."""
    letter = word[0]
    if letter > LAST or (word.isascii() and not _PLAIN.match(word)):
        return None
    return _script_of(letter)


@lru_cache(maxsize=2_000)
def _script_of(letter: str) -> tuple[str, list[str]] | None:
    for ranges, default, others in SCRIPTS:
        if any(first <= letter <= last for first, last in zip(ranges[::2], ranges[1::2], strict=True)):
            return default, others
    return None


@lru_cache(maxsize=16_384)
def _stem(word: str, marked: str, language: str) -> str:
    if language != "en":
        stem = _snowball_stem(marked, language) or word
        return normalized(stem) if marked_letter(stem) else stem
    if not _PLAIN.match(word):
        return word[:BEGINNING]
    return _snowball_stem(_IRREGULAR.get(word, word), language) if len(word) > 2 else word


def _snowball_stem(word: str, language: str) -> str:
    with _snowball:
        stemmed: str = _stemmer(language).stemWord(word)
    return stemmed


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(ALGORITHMS[language])


def english(word: str) -> str:
    """The stem of a normalized English word."""
    return _stem(word, word, "en")
