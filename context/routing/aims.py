"""What a text is after: the first thing it asks for, whether it is about the assistant, and whether work is involved.

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
# Words gone through.
_LED: Final = 10
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
_EXACT: Final = ("code", "maths", "systems", "expert")
# Words up to which a command is short, and a question about the assistant.
_COMMAND: Final = 12
_PERSONAL: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is asked for first, and whether the assistant is spoken of."""

    asked: str | None
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
    led = True
    for place, its in enumerate(kinds[:_LED]):
        pair = of(f"{words[place]}_{words[place + 1]}") if place + 1 < len(words) else ()
        noun = (place > 0 and words[place - 1] in _BEFORE_NOUN) or words[place + 1 : place + 2] in _AFTER_NOUN
        for aim in AIMS:
            if (aim in its or aim in pair) and ((led and not noun) or aim != "demand"):
                return aim
        led = led and bool(its) and not _LEADING.isdisjoint(its)
    return None


def addressed(words: Sequence[str]) -> bool:
    """Whether an English text speaks of the assistant, rather than telling it to do something."""
    return any(
        word in _YOUR or (word == "you" and (place == 0 or words[place - 1] not in _MODAL))
        for place, word in enumerate(words[:_ADDRESSED])
    )


def aim_signals(seen: Mapping[str, int], aim: Aim, count: int, marks: Marks) -> dict[str, float]:
    """The signals that combine what is asked for with what the text is about; `count` is its words."""
    found: dict[str, float] = {}
    asked = aim.asked
    kinds = sum(kind in seen for kind in _WORK)
    exact = marks.code > 0 or marks.formula > 0 or any(kind in seen for kind in _EXACT)
    if asked is not None:
        found[f"asks {asked}"] = 1.0
    if asked in ("write", "demand", "reason", "how", "code", "systems") and (exact or marks.named):
        found[f"asks {'how' if asked == 'how' else 'work'} of code or mathematics"] = 1.0
    learned = sum(seen.get(kind, 0) for kind in _EXACT)
    if asked == "who" and not marks.code and not marks.formula and learned <= 1 and "demand" not in seen:
        found["asks a fact"] = 1.0
    if kinds > 1:
        found["kinds of work"] = kinds - 1.0
    if "detail" in seen and asked is None and not marks.asks and "request" not in seen:
        found["gives details"] = 1.0
    if exact:
        return found
    if not kinds:
        found["no kind of work"] = 1.0
    if "own" in seen:
        found["about one's own"] = 1.0
    if aim.addressed:
        found["speaks of the assistant"] = 1.0
        if "personal" in seen and count <= _PERSONAL:
            found["the assistant in person"] = 1.0
    if "control" in seen and count <= _COMMAND and not kinds and "own" not in seen:
        found["a short command"] = 1.0
        if asked == "control":
            found["asks for a short command"] = 1.0
    return found
