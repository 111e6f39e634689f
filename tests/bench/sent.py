"""A request to the model taken apart: what it carries besides the question, in words and in tokens as the simulator counts them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from tests.upstream.call import blocks_of
from tests.upstream.models import Model, find_model
from tests.upstream.tokens import count, count_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request that answers somebody, and the tokens of its parts.

    `summary`: the blocks before the first message of the thread; `window`: the thread's messages, the new one excepted;
    `recalled`: what stands behind the new one. `messages`: as they were sent.
    """

    model: Model
    tools: int
    system: int
    summary_tokens: int
    window_tokens: int
    recalled_tokens: int
    question: str
    summary: tuple[str, ...]
    window: tuple[str, ...]
    recalled: tuple[str, ...]
    messages: tuple[dict[str, Any], ...] = field(repr=False)

    @classmethod
    def of(cls, body: dict[str, Any], question: str, said: Collection[str]) -> Sent:
        """`said`: the texts that users wrote in this thread, without the white space around them."""
        model = find_model(body["model"])
        texts = [block["text"] for turn in body["messages"] for block in blocks_of(turn["content"])]
        at = max(index for index, text in enumerate(texts) if text.strip() == question.strip())
        start = next(index for index, text in enumerate(texts) if index == at or text.strip() in said)
        summary, window, recalled = texts[:start], texts[start:at], texts[at + 1 :]
        return cls(
            model=model,
            tools=sum(count_json(tool, model) for tool in body.get("tools", ())),
            system=sum(count(block["text"], model) for block in blocks_of(body.get("system"))),
            summary_tokens=sum(count(text, model) for text in summary),
            window_tokens=sum(count(text, model) for text in window),
            recalled_tokens=sum(count(text, model) for text in recalled),
            question=question,
            summary=tuple(summary),
            window=tuple(window),
            recalled=tuple(recalled),
            messages=tuple(body["messages"]),
        )

    def sizes(self) -> Sent:
        """The same without texts."""
        return replace(self, summary=(), window=(), recalled=(), messages=())
