"""A summarizer that needs no model: it copies sentences, and gives every part of what it is shown its share.

Words that say nothing of their own are left out of a line, as in a telegram. It obeys the summarizer's prompt (`context/compaction/prompt.py`): references, budget, EARLIER and PINNED lines, and the table of key
facts, where the prompt shows one. What it writes is a floor under what a model would.

How it chooses. Sentences and EARLIER lines stand in the order of the conversation. A new sentence is entitled to a fifth of its tokens, an
EARLIER line, which was condensed before, to all of its own, both times the one factor that makes it fit the budget. Neighbors put
their shares together until they pay for a line, and the most telling of them is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.function_words import FUNCTION_WORDS
from tests.upstream.models import Model, find_model
from tests.upstream.tokens import count

MARK = "You condense"
SHARE = 0.2  # of a message's tokens that a summary is to hold
LONGEST = 280  # characters of a line
REFERENCE_TOKENS = 5  # of "- ", " [m12]" and the line break
MOST_FACTS = 6  # new key facts of one answer

_BUDGET = re.compile(r"at most about (\d+) tokens")
_EARLIER = re.compile(r"^(?:EARLIER )?- (?P<text>.*) \[(?P<refs>m\d+(?:,\s*m\d+)*)\]$", re.MULTILINE)
_MESSAGE = re.compile(
    r"^<(?P<ref>m\d+) (?P<who>person|assistant)>\n(?P<text>.*?)\n</(?P=ref)>$", re.MULTILINE | re.DOTALL
)
_NAMED = re.compile(r"^(?P<ref>m\d+) (?P<who>person|assistant): (?P<text>.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_TELLING = re.compile(r"\d[\w:.,/-]*|\b[A-Z][\w'-]+|[^\x00-\x7f]|\b\w{8,}")
_EMPTY_WORDS = re.compile(
    r"^(?:thanks?|thank you|ok(?:ay)?|yes|no|sure|great|hi|hello|bye|you're welcome)\b", re.IGNORECASE
)
_FACT = re.compile(r"^= (?P<key>[a-z]+; [^:\n]+): (?P<value>.*) \[m", re.MULTILINE)
_FACTS = (
    ("name", "user", "person", re.compile(r"\b(?:[Mm]y name is|[Cc]all me|[Tt]his is) ([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)")),
    ("identifier", "", "", re.compile(r"\b(?!\d{4}-\d\d-\d\d)((?=[\w-]*\d)[A-Z0-9][A-Z0-9-]{5,20})\b|([\w.+-]+@[\w-]+\.[\w.]+)")),
    ("instruction", "", "person", re.compile(r"\b((?:[Aa]lways|[Nn]ever|[Ff]rom now on|[Pp]lease (?:don't|always|never))\b[^.!?\n]{8,120})")),
    ("preference", "", "person", re.compile(r"\b(I(?: really)? (?:prefer|like|love|hate|would rather)\b[^.!?\n]{4,100})")),
    ("decision", "", "person", re.compile(r"\b((?:I've decided|I have decided|[Ll]et's go with|I'll go with|I will go with)\b[^.!?\n]{3,100})")),
    ("promise", "", "assistant", re.compile(r"\b(I(?:'ll| will) (?:send|call|email|remind|follow up|get back)\b[^.!?\n]{3,100})")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence or an EARLIER line: its references, and the tokens of summary it is entitled to before the budget is known."""

    text: str
    references: str
    share: float

    @property
    def telling(self) -> float:
        """How much of it says something: names, numbers, long words."""
        words = len(self.text.split()) or 1
        found = len(_TELLING.findall(self.text))
        return (0.1 if _EMPTY_WORDS.match(self.text) else 1.0) * found / (words + 4)


def summarizes(body: dict[str, Any]) -> bool:
    """Whether a request is one to the summarizer: by its system prompt, or, behind a model's own prefix, by its last block."""
    return MARK in str(body.get("system")) or MARK in _last(body)


def summarize(body: dict[str, Any]) -> str:
    """The answer to such a request."""
    prompt, model = _last(body), find_model(body["model"])
    items = list(_items(prompt, model))
    asked = _BUDGET.search(prompt)
    budget = int(asked[1]) if asked else 1_000
    facts = list(_facts(prompt)) if "KEY FACTS" in prompt or "= kind" in str(body) else []
    lines = list(_lines(items, budget, model)) or [f"- The conversation went on. [{_any_reference(prompt)}]"]
    return "\n".join([*facts, *lines])


def earlier_lines(body: dict[str, Any]) -> list[str]:
    """The EARLIER lines of a request to the summarizer."""
    return [line["text"] for line in _EARLIER.finditer(_before_conversation(_last(body)))]


def messages_shown(body: dict[str, Any]) -> dict[str, str]:
    """The messages of such a request, by reference."""
    return {message["ref"]: message["text"] for message in _messages(_last(body))}


def condense(text: str, budget: int, model: str) -> str:
    """Sentences of any text, for a summarizer with another prompt."""
    reader = find_model(model)
    items = [Item(sentence, "m1", SHARE * _size(sentence, reader)) for sentence in _sentences(text)]
    return "\n".join(line.rpartition(" [")[0] for line in _lines(items, budget, reader)) or "- It went on."


def _last(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content[-1].get("text", ""))


def _items(prompt: str, model: Model) -> Iterator[Item]:
    for line in _EARLIER.finditer(_before_conversation(prompt)):
        if not line["text"].startswith("PINNED "):
            yield Item(line["text"], line["refs"], _size(line["text"], model))
    for message in _messages(prompt):
        for sentence in _sentences(message["text"]):
            yield Item(_telegram(sentence), message["ref"], SHARE * _size(sentence, model))


def _before_conversation(prompt: str) -> str:
    """What stands before the messages: all of it where they are only named."""
    earlier, _, conversation = prompt.partition("CONVERSATION:\n")
    return earlier if conversation else prompt


def _messages(prompt: str) -> list[re.Match[str]]:
    return list(_MESSAGE.finditer(prompt)) or list(_NAMED.finditer(prompt))


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(text):
        words = " ".join(sentence.split()).strip("-*#>| ")
        if len(words) > 1:
            yield words


def _telegram(sentence: str) -> str:
    """A sentence without its function words; whole where it is all of them, or in a script that does not divide words."""
    return (
        " ".join(word for word in sentence.split() if word.strip(".,!?;:").lower() not in FUNCTION_WORDS)
        or sentence
    )


def _lines(items: list[Item], budget: int, model: Model) -> Iterator[str]:
    """One line from each group of neighbors whose shares together pay for it."""
    total = sum(item.share for item in items)
    factor = min(1 / SHARE, budget / total) if total else 0
    credit, group = 0.0, list[Item]()
    for item in items:
        credit += item.share * factor
        group.append(item)
        best = max(group, key=lambda candidate: candidate.telling)
        price = _size(best.text[:LONGEST], model)
        if credit >= price:
            yield f"- {best.text[:LONGEST]} [{best.references}]"
            credit, group = credit - price, []


def _size(text: str, model: Model) -> int:
    return count(text, model) + REFERENCE_TOKENS


def _any_reference(prompt: str) -> str:
    reference = re.search(r"\bm\d+\b", prompt)
    return reference[0] if reference else "m1"


def _facts(prompt: str) -> Iterator[str]:
    """Key facts that the table in the prompt does not hold yet, in its form."""
    known = {fact["key"]: fact["value"] for fact in _FACT.finditer(prompt)}
    values = set(known.values())
    most = MOST_FACTS
    for message in _messages(prompt):
        for kind, subject, who, pattern in _FACTS:
            if who and message["who"] != who:
                continue
            for match in pattern.finditer(message["text"]):
                value = " ".join(next(filter(None, match.groups())).split())
                if value in values or not most:
                    continue
                most -= 1
                values.add(value)
                yield f"= {kind}; {subject or _subject(value)}: {value} [{message['ref']}]"


def _subject(value: str) -> str:
    """A few words to name a fact by."""
    words: Iterable[str] = re.findall(r"\w+", value.lower())
    return " ".join(list(words)[-3:]) or "it"
