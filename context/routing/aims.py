"""What a text asks for: the first thing it wants, whether it is about the assistant, and whether work is involved.

Theory of operation. People lead up to what they want ("hi, could you please ..."). The first words are gone through until one
says what is asked for; combined with what the rest of the text is about, that tells "write a poem" from "write a compiler", and
"what is your name" from "what is the name of that river", in any language whose words are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from context.routing.lexicon import Kinds

# Kinds that say what is asked for, the most telling first.
AIMS: Final = ("demand", "write", "reason", "control", "how", "who", "code", "systems")
# Kinds that lead up to it.
_LEADING: Final = frozenset(
    (
        "english",
        "foreign",
        "filler",
        "request",
        "self",
        "own",
        "greeting",
        "thanks",
        "yes",
        "steps",
        "detail",
    )
)
# Words that are gone through for what is asked, and for whether the assistant is addressed.
_LEAD_WORDS: Final = 10
_ADDRESSED: Final = 14
# "Can you", "would you": the assistant is asked to do something, not about itself.
_MODAL: Final = frozenset(
    "can could would will may should want need like if help thank see".split()  # noqa: SIM905 - a list of words reads better so
)
_YOUR: Final = frozenset(("your", "yourself", "youre", "youve"))
# Beside these, "design" is a noun.
_BEFORE_NOUN: Final = frozenset(("the", "a", "an", "your", "my", "our", "this", "that", "new", "of"))
_AFTER_NOUN: Final = (["is"], ["are"], ["was"], ["were"], ["looks"])
_WORK: Final = ("demand", "write", "reason", "code", "maths", "systems", "expert")
_WORKING: Final = frozenset(("write", "demand", "reason", "how", "code", "systems"))
_EXACT: Final = ("code", "maths", "systems", "expert")
# Words up to which a problem is terse, and a formula bare.
_TERSE: Final = 40
_BARE: Final = 6
# Words up to which a command is short, and a question about the assistant.
_COMMAND: Final = 12
_PERSONAL: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The kind of the first thing asked for, and whether the assistant is spoken of."""

    kind: str | None
    addressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How many marks of each sort a text has: code, formulae, names of techniques, question marks."""

    code: int
    formula: int
    named: int
    asks: int


def asked_for(words: list[str], kinds: Sequence[Kinds], of: Callable[[str], Kinds]) -> str | None:
    """The first thing asked for. A demand counts only behind words that lead up to it: "design" may be a noun."""
    leading = True
    for place, word_kinds in enumerate(kinds[:_LEAD_WORDS]):
        pair = of(f"{words[place]}_{words[place + 1]}") if place + 1 < len(words) else ()
        noun = (place > 0 and words[place - 1] in _BEFORE_NOUN) or words[place + 1 : place + 2] in _AFTER_NOUN
        for aim in AIMS:
            if (aim in word_kinds or aim in pair) and ((leading and not noun) or aim != "demand"):
                return aim
        leading = leading and bool(word_kinds) and not _LEADING.isdisjoint(word_kinds)
    return None


def addressed(words: Sequence[str]) -> bool:
    """Whether an English text speaks of the assistant, rather than telling it to do something."""
    return any(
        word in _YOUR or (word == "you" and (place == 0 or words[place - 1] not in _MODAL))
        for place, word in enumerate(words[:_ADDRESSED])
    )


def aim_signals(seen: Mapping[str, int], aim: Aim, count: int, marks: Marks) -> dict[str, float]:
    """The signals that combine what is asked for with what the text is about; `count` is its words. In a fixed order: sums depend on it."""
    asks = aim.kind
    kinds = sum(kind in seen for kind in _WORK)
    exact = marks.code > 0 or marks.formula > 0 or any(kind in seen for kind in _EXACT)
    exact_words = sum(seen.get(kind, 0) for kind in _EXACT)
    plain_question = not marks.code and not marks.formula and exact_words <= 1 and "demand" not in seen
    short_command = "control" in seen and count <= _COMMAND and not kinds and "own" not in seen
    values = (
        (f"asks {asks}", asks is not None),
        (
            f"asks {'how' if asks == 'how' else 'work'} of code or mathematics",
            asks in _WORKING and (exact or marks.named > 0),
        ),
        ("asks a fact", asks == "who" and plain_question),
        ("kinds of work", max(0, kinds - 1)),
        ("gives details", "detail" in seen and asks is None and not marks.asks and "request" not in seen),
        ("no kind of work", not exact and not kinds),
        ("about one's own", not exact and "own" in seen),
        ("speaks of the assistant", not exact and aim.addressed),
        (
            "the assistant in person",
            not exact and aim.addressed and "personal" in seen and count <= _PERSONAL,
        ),
        ("a short command", not exact and short_command),
        ("asks for a short command", not exact and short_command and asks == "control"),
    )
    return {name: float(value) for name, value in values if value}


def problem_signals(seen: Mapping[str, int], count: int, marks: Mapping[str, int]) -> dict[str, float]:
    """The signals of a problem that is posed in few words, and of a phrase to be translated. `marks`: how many of each sort."""
    problem, formula, numbers = seen.get("problem", 0), marks["formula"] > 0, marks["numbers"]
    exact = formula or numbers > 0
    values = (
        ("a problem in numbers", problem > 0 and exact and count <= _TERSE),
        ("several words of a problem", problem > 1),
        ("reasons about quantities", marks["units"] > 0 and ("reason" in seen or problem > 0)),
        ("a bare formula", formula and not problem and count <= _BARE),
        ("a short translation", "translate" in seen and count <= _COMMAND and problem == 0),
    )
    return {name: 1.0 for name, holds in values if holds}
