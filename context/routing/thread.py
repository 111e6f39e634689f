"""Features of the thread behind a new message: what it answers, what the last turns needed, and whether the answer was disliked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from context.routing.lexicon import english
from context.routing.signals import Reading, read

# An answer's end: whether it asked something back.
_ASKED = re.compile(r"[?？؟][^\w]{0,40}\Z")
_CODE = re.compile(r"```|\\\[|\\\(|\$\$")
# "Anything else?": what is answered to it is a new matter.
_MORE = re.compile(
    r"(?i)\b(?:anything|what|something|nothing) (?:else|more)\b|\b(?:help|assist)(?: you)?(?: \w+){0,4}\?|otra cosa|algo más|autre chose|noch etwas|sonst noch|mais alguma|altro|ещё|еще|başka"
)
# Kinds that bring up something new, or answer.
_NEW = frozenset(("how", "who", "write", "demand", "code", "maths"))
_AGREES = frozenset(("begins yes", "begins no", "begins praise", "begins thanks"))
# Characters of an answer looked at, from its beginning and its end: code fences open early, questions stand last.
_BEGINNING, _END = 2_000, 600
# Earlier messages that a repeated question is looked for in: asked again after the answer, not about something else later on.
_REMEMBERED = 4
# Words up to which a message that changes a condition goes on from the last turn.
_GOES_ON = 20
# From here on a message asked for the top tier; the same bound as `complexity` draws.
COMPLEX = 2 / 3

# Kinds of words that say nothing of what a message is about.
_EMPTY = frozenset(("english", "filler", "self", "yes", "no"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierMessage:
    """A message before the new one. `score`: the complexity stored with a user's message; `thumb` is -1 for an answer that was disliked."""

    role: Literal["user", "assistant"]
    text: str
    score: float | None = None
    thumb: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSignals:
    """What the thread shows. `need`: what the last user message needed, 0..1; None in a new thread.

    `goes_on`: the message changes a condition of the last one ("what about ...", "faster?").
    """

    signals: tuple[tuple[str, float], ...] = ()
    need: float | None = None
    goes_on: bool = False
    repeated: bool = False
    disliked: bool = False
    answered: bool = False


def look_back(reading: Reading, earlier: Sequence[EarlierMessage], need: float | None) -> ThreadSignals:
    """The signals of the messages before the one read, oldest first; `need` is the score of the last user message."""
    if not earlier:
        return ThreadSignals()
    answer = earlier[-1] if earlier[-1].role == "assistant" else None
    signals = [] if answer is None else _answer_signals(reading, answer)
    if need is not None and need >= COMPLEX and not reading.small_talk:
        signals.append(("the last turn was complex", 1.0))
    words = reading.words
    goes_on = need is not None and _goes_on(reading)
    if goes_on:
        signals.append(("goes on from the last turn", 1.0))
    return ThreadSignals(
        signals=tuple(signals),
        need=need,
        goes_on=goes_on,
        repeated=len(words) > 3
        and any(
            message.role == "user" and read(message.text).words == words for message in earlier[-_REMEMBERED:]
        ),
        disliked=answer is not None and answer.thumb < 0,
        answered=answer is not None,
    )


def _goes_on(reading: Reading) -> bool:
    """Whether a short message asks for the same as before under another condition, or for the same but better."""
    signals = reading.signals
    if "follow_up" not in signals or len(reading.words) > _GOES_ON or reading.small_talk:
        return False
    return (
        "begins follow_up" in signals
        or "question" in signals
        or "asks how" in signals
        or "asks who" in signals
    )


def _answer_signals(reading: Reading, answer: EarlierMessage) -> list[tuple[str, float]]:
    """The signals of the answer before the message read."""
    end = answer.text[-_END:]
    signals = _question_signals(reading, end) if _ASKED.search(end) else []
    if _CODE.search(answer.text[:_BEGINNING]) or _CODE.search(end):
        signals.append(("the last answer has code or formulae", 1.0))
    words = [word for word in reading.words if _EMPTY.isdisjoint(english().of(word))]
    if words:
        answer_words = set(read(end).words)
        signals.append(("words of the last answer", sum(word in answer_words for word in words) / len(words)))
    return signals


def _question_signals(reading: Reading, end: str) -> list[tuple[str, float]]:
    """The signals of a message behind an answer that ends with a question."""
    signals = [("answers a question", 1.0)]
    more = _MORE.search(end) is not None
    if more:
        signals.append(("answers whether there is more", 1.0))
    if len(reading.words) <= 8:
        signals.append(("short answer to a question", 1.0))
    if "question" not in reading.signals and _NEW.isdisjoint(reading.signals):
        signals.append(("only answers a question", 1.0))
        if not more and not _AGREES.isdisjoint(reading.signals):
            signals.append(("agrees or declines", 1.0))
    return signals
