"""Words that tell nothing of what a message is about, and the language a text is written in, which they show.

The lists are those of stopwords-iso (`stopwordsiso`, MIT), for 57 languages, normalized as in `words`; the English one is our own, because the
library's costs recall (README.md). Only the list of the language a text is written in counts: "son" is a function word in French and
somebody's child in English. Languages without a list lose little, because a word that stands in most messages of a thread
weighs next to nothing anyway.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from typing import Final

from context.recall.normalization import normalized
from context.recall.words import spellings

READ: Final = 2_000  # different words of a text that are looked at to tell its language
BEHIND: Final = frozenset(
    {"af", "bg", "br", "gl", "la", "ms", "sk", "sl", "uk"}
)  # languages that win no tie: one with more speakers has their words
FEWEST: Final = 2  # function words that tell a language: one alone may be a name
MARGIN: Final = 1.5  # times as many function words as of English that speak for another language

_ENGLISH = """
a an the and or but if then than so as of at by for with about against between into through during before after to from in out on
off over under again once here there all any both each few more most other some such no nor not only own same too very can will
just should now i me my mine we our ours us you your yours he him his she her hers it its they them their theirs what which who
whom whose this that these those am is are was were be been being have has had having do does did doing done would could may might
must shall when where why how many much also let lets im ive id ill youre youve hes shes its theyre weve dont doesnt didnt cant
couldnt wont wouldnt isnt arent wasnt werent havent hasnt hadnt tell know think want like say said mention mentioned one thing
things way ways really well yes no okay ok please thanks thank hey hi hello up down there's whats thats myself yourself
"""
_PALE = """
order list walk brought bring conversation conversations chat chats discuss discussed discussion discussions talk talked talking
across throughout different various item items aspect aspects told ask asked question questions answer describe explain previous
previously earlier ago ever two three four five six seven eight nine ten kind kinds type types sort during since still currently
current recent recently new first last happen happened happening follow following specific certain consider considering considered
given give gave based report reported use using used make making made go going gone went take took taken come came get got getting
gotten need needs needed able help remember recall remind message messages
"""


ENGLISH: Final = frozenset(_ENGLISH.split())
PALE_WORDS: Final = frozenset(_PALE.split())
FIRST_PERSON: Final = frozenset(
    [
        "i",
        "me",
        "my",
        "mine",
        "im",
        "ive",
        "id",
        "myself",
        "ich",
        "mich",
        "mir",
        "mein",
        "meine",
        "meinen",
        "meinem",
        "meiner",
        "je",
        "moi",
        "mon",
        "ma",
        "mes",
        "yo",
        "mi",
        "mis",
        "eu",
        "meu",
        "minha",
        "io",
        "mio",
        "mia",
        "ik",
        "mijn",
        "я",
        "мне",
        "меня",
        "мой",
        "моя",
        "мои",
        "моего",
        "моей",
        "我的",
    ]
)


def language_of(words: Iterable[str]) -> str | None:
    """The language (ISO 639-1) of a text that consists of these normalized words; None when fewer than FEWEST function words tell it."""
    votes = dict.fromkeys(_lists(), 0)
    for word in islice(words, READ):
        for language in _languages_of().get(word, ()):
            votes[language] += 1
    english, best = votes.pop("en"), max(votes, key=votes.__getitem__)
    if max(english, votes[best]) < FEWEST:
        return None
    return best if votes[best] > MARGIN * english else "en"


def function_words(words: Iterable[str]) -> frozenset[str]:
    """The function words of the language that a text with these words seems to be written in: English, when none tells it."""
    return _lists()[language_of(words) or "en"]


def is_english(words: Iterable[str]) -> bool:
    """Whether a text with these words seems to be written in English: it may be too short to tell, but not in another script."""
    words = tuple(words)
    language = language_of(words)
    return language == "en" or (language is None and 2 * sum(map(str.isascii, words)) >= len(words))


def load() -> None:
    """Read the lists, which takes a tenth of a second; otherwise the first text does."""
    _languages_of()


@cache
def _lists() -> Mapping[str, frozenset[str]]:
    """The function words of each language. Those of related languages with many words in common stand behind the larger one."""
    import stopwordsiso

    lists = {"en": ENGLISH}
    for language in sorted(stopwordsiso.langs() - {"en"}, key=lambda code: (code in BEHIND, code)):
        text = normalized("\n".join(sorted(stopwordsiso.stopwords(language))))
        lists[language] = frozenset(spellings(text).values())
    return lists


@cache
def _languages_of() -> Mapping[str, tuple[str, ...]]:
    """Which lists a word is on: a text is looked through once, not once for each language."""
    languages: dict[str, list[str]] = {}
    for language, words in _lists().items():
        for word in words:
            languages.setdefault(word, []).append(language)
    return {word: tuple(codes) for word, codes in languages.items()}
