"""Read the summarizer's answer: lines with references to messages. A line without a valid reference is dropped, for nobody could check it."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from context.compaction.prompt import Ask
from context.request.summary_blocks import OPENING, Line

BULLET: Final = re.compile(r"[-*•]\s")
REFERENCES: Final = re.compile(r"m\d+(?:\s*[,;]\s*m\d+)*")
REFERENCE: Final = re.compile(r"m\d+")
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
LONGEST_LINE: Final = 600  # characters
LONGEST_ANSWER: Final = (
    100_000  # characters that are read: several times what an answer's output limit allows
)
MOST_SOURCES: Final = 24  # messages that a line may name: merged lines would collect them without end
SLACK: Final = 1.5  # times its budget a summary may have before lines are dropped


class SummaryRejected(ValueError):
    """The summarizer's answer is not a usable summary; nothing changes."""


def parse(
    answer: str, request: Ask, count: Callable[[str], int], *, pinned: Sequence[Line] = ()
) -> tuple[Line, ...]:
    """The lines of an answer that name valid sources, within the budget but at least one; `pinned` lines stand first, word for word.

    Raises SummaryRejected when no usable line is left.
    """
    lines: list[Line] = []
    seen = {line.text for line in pinned}
    room = request.budget * SLACK  # for new lines; pinned ones do not count
    for row in rows(answer):
        text, references = _line_and_references(row)
        text = text.removeprefix("PINNED ").strip()
        sources = sources_of(references, request)
        if not sources or not text or len(text) > LONGEST_LINE or text in seen or OPENING in text:
            continue
        room -= count(text)
        if room < 0 and lines:
            break
        seen.add(text)
        lines.append(Line(text=text, sources=sources))
    if not lines:
        raise SummaryRejected("the answer has no line with a valid reference")
    return (*pinned, *lines)


def rows(answer: str) -> list[str]:
    """The lines of an answer that may end with references, without hidden characters."""
    return [row.strip() for row in CONTROL.sub("", answer[:LONGEST_ANSWER]).splitlines() if "]" in row]


def sources_of(references: str, request: Ask) -> tuple[str, ...]:
    """The messages that references name, each once; the newest where there are too many."""
    named = REFERENCE.findall(references)
    ids = dict.fromkeys(request.references[name] for name in named if name in request.references)
    return tuple(ids)[-MOST_SOURCES:]


def text_and_references(row: str) -> tuple[str, str]:
    """A row of the form "text [m3, m7]" as its text and the references; two empty strings for any other."""
    text, _, references = row.removesuffix(".").rstrip().rpartition("[")
    if not references.endswith("]") or REFERENCES.fullmatch(references[:-1]) is None:
        return "", ""
    return text.strip(), references[:-1]


def _line_and_references(row: str) -> tuple[str, str]:
    """A row of the form "- fact [m3, m7]" likewise."""
    return ("", "") if BULLET.match(row) is None else text_and_references(row[1:])
