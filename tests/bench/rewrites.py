"""How often the summary was written anew for each turn of a thread, seen from the requests to the summarizer.

A request that shows messages writes for their turns; one with EARLIER lines writes anew for all turns from the first to the last of those
that the lines come from, whether or not a line of each is left.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tests.bench import extractive
from tests.bench.threads import Thread

_LINE = re.compile(r"^- (?P<text>.*) \[(?P<ref>m\d+)", re.MULTILINE)


class Rewrites:
    """The offline summarizer, which counts. `times`: by turn; `calls`: answers in all."""

    def __init__(self, thread: Thread) -> None:
        self.times: Counter[int] = Counter()
        self.calls = 0
        said = [
            (_key(text), turn)
            for turn, exchange in enumerate(thread.exchanges)
            for text in (exchange.user, exchange.answer)
        ]
        twice = Counter(key for key, _ in said)
        self._turns = {key: turn for key, turn in said if twice[key] == 1}
        self._of_line: dict[str, int] = {}
        self._ambiguous: set[str] = set()

    def __call__(self, body: dict[str, Any]) -> str:
        self.calls += 1
        shown = {
            reference: self._turns[_key(text)]
            for reference, text in extractive.messages_shown(body).items()
            if _key(text) in self._turns
        }
        earlier = [
            self._of_line[line]
            for line in extractive.earlier_lines(body)
            if line in self._of_line and line not in self._ambiguous
        ]
        again = range(min(earlier), max(earlier) + 1) if earlier else ()
        self.times.update({*shown.values(), *again})
        answer = extractive.summarize(body)
        for line in _LINE.finditer(answer):
            if line["ref"] in shown:
                self._remember(line["text"], shown[line["ref"]])
        return answer

    def _remember(self, line: str, turn: int) -> None:
        """Which turn a line tells of; a line that two turns left tells of neither."""
        if self._of_line.setdefault(line, turn) != turn:
            self._ambiguous.add(line)


def _key(text: str) -> str:
    return " ".join(text.split())[:120]
