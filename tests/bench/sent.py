"""A request to the model taken apart: what it carries besides the question, in words and in tokens as the simulator counts them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.upstream.call import blocks_of
from tests.upstream.models import Model, find_model
from tests.upstream.tokens import count, count_json


@dataclass(frozen=True)
class Sent:
    """A request that answers somebody.

    `summary`: the blocks before the first message of the thread; `window`: the thread's messages, the new one excepted;
    `recalled`: what stands behind the new one. `tools` and `system` in tokens.
    """

    model: Model
    tools: int
    system: int
    summary: tuple[str, ...]
    window: tuple[str, ...]
    question: str
    recalled: tuple[str, ...]

    @classmethod
    def of(cls, body: dict[str, Any], question: str, said: Collection[str]) -> Sent:
        """`said`: the texts that users wrote in this thread, without the white space around them."""
        model = find_model(body["model"])
        turns = [[block["text"] for block in blocks_of(turn["content"])] for turn in body["messages"]]
        texts = [text for turn in turns for text in turn]
        at = max(index for index, text in enumerate(texts) if text.strip() == question.strip())
        start = next(index for index, text in enumerate(texts) if index == at or text.strip() in said)
        return cls(
            model=model,
            tools=sum(count_json(tool, model) for tool in body.get("tools", ())),
            system=sum(count(block["text"], model) for block in blocks_of(body.get("system"))),
            summary=tuple(texts[:start]),
            window=tuple(texts[start:at]),
            question=question,
            recalled=tuple(texts[at + 1 :]),
        )

    @cached_property
    def summary_tokens(self) -> int:
        return self._count(self.summary)

    @cached_property
    def window_tokens(self) -> int:
        return self._count(self.window)

    @cached_property
    def recalled_tokens(self) -> int:
        return self._count(self.recalled)

    def _count(self, texts: tuple[str, ...]) -> int:
        return sum(count(text, self.model) for text in texts)
