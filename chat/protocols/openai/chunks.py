"""Turn events into chunks of a chat completion, or into a whole one. README.md has the table.

Every chunk has the same id, time and model; with usage asked for each has `usage: null`, and one without choices follows at the end.
No `event:`, `id:` or `retry:` line: `openai` for Python takes a block without data for an event after any of them.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chat.api.event_stream import HEARTBEAT
from chat.protocols.openai.conversation import BETWEEN
from chat.stream import events
from chat.stream.events import TurnError, TurnEvent
from chat.stream.one_line import one_line

DONE = b"data: [DONE]\n\n"
FINISH_REASONS: dict[events.FinishReason, str] = {"stop": "stop", "length": "length", "tool_calls": "stop"}
"""The tools are the server's own: a client is never asked to use one."""
CANCELLED = TurnError(code="cancelled", message="The answer was stopped.", retryable=False)

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Answer:
    """What has come of an answer so far: which kind each part is, its texts, its model, and how it ended."""

    model: str
    kinds: dict[str, str] = field(default_factory=dict)
    texts: int = 0
    end: events.TurnCompleted | TurnError | None = None
    usage: events.TokenUsage | None = None

    def words(self, event: TurnEvent) -> tuple[str, str] | None:
        """The field and the text that an event adds to the message; None when it adds nothing."""
        match event:
            case events.PartDelta(part_id=part_id, text=text):
                return ("content" if self.kinds[part_id] == "text" else "reasoning_content"), text
            case events.PartStarted(part_id=part_id, kind=kind):
                self.kinds[part_id] = kind
                self.texts += kind == "text"
                if kind == "text" and self.texts > 1:
                    return "content", BETWEEN
            case events.Note(name="route", data=data):
                self.model = str(data["model"])
            case events.TurnCompleted(usage=usage):
                self.end, self.usage = event, usage
            case events.TurnFailed(error=error, usage=usage):
                self.end, self.usage = error, usage
            case events.TurnCancelled(usage=usage):
                self.end, self.usage = CANCELLED, usage
            case _:
                pass
        return None


def usage_of(usage: events.TokenUsage | None) -> dict[str, Any]:
    """Tokens under OpenAI's names."""
    if usage is None:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens or 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }


def error_of(error: TurnError) -> dict[str, Any]:
    """An error amid a stream, which makes the client raise."""
    kind = "rate_limit_error" if error.code in ("rate_limited", "budget_exceeded") else "server_error"
    return {"error": {"message": error.message, "type": kind, "code": error.code, "param": None}}


@dataclass(slots=True)
class Chunks:
    """The chunks of one stream. `name` is the completion's id, `created` its time in seconds."""

    name: str
    created: int
    answer: Answer
    with_usage: bool
    _head: str = ""  # of each chunk, once the model is known
    _tail: str = ""

    def of(self, event: TurnEvent) -> bytes:
        """The blocks that stand for an event; none for what the client has no use for."""
        words = self.answer.words(event)
        if words is not None:
            return self._begun() + self._delta(*words)
        end = self.answer.end
        if end is None:
            return b""
        if isinstance(end, TurnError):
            return _block(_json(error_of(end))) + DONE
        reason = FINISH_REASONS[end.finish_reason]
        blocks = self._begun() + self._chunk("{}", f'"{reason}"')
        if self.with_usage:
            last = {**self.fields("chat.completion.chunk"), "choices": [], "usage": usage_of(end.usage)}
            blocks += _block(_json(last))
        return blocks + DONE

    @property
    def ended(self) -> bool:
        """Whether the answer has ended, or its events."""
        return self.answer.end is not None

    def fields(self, kind: str) -> dict[str, Any]:
        """The fields that every object of the completion begins with. `kind`: its `object`."""
        return {"id": self.name, "object": kind, "created": self.created, "model": self.answer.model}

    def _begun(self) -> bytes:
        """The first chunk, before anything else: with it the model is fixed."""
        if self._head:
            return b""
        self._head = _json(self.fields("chat.completion.chunk"))[:-1] + ',"choices":[{"index":0,"delta":'
        self._tail = '}],"usage":null}' if self.with_usage else "}]}"
        return self._chunk('{"role":"assistant","content":""}', "null")

    def _delta(self, name: str, text: str) -> bytes:
        return self._chunk(f'{{"{name}":{_json(text)}}}', "null")

    def _chunk(self, delta: str, reason: str) -> bytes:
        return _block(f'{self._head}{delta},"finish_reason":{reason}{self._tail}')


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def _block(text: str) -> bytes:
    return f"data: {one_line(text)}\n\n".encode()


Batches = AsyncGenerator[Sequence[TurnEvent], None]
"""The events of one answer, those that came together together; none is a sign of life."""


async def stream(
    batches: Batches, chunks: Chunks, broke_off: Callable[[], str]
) -> AsyncGenerator[bytes, None]:
    """The bytes of the stream. It always ends with `[DONE]`.

    `broke_off` says why, for a person, when the events end before the answer does: the client takes the end of a stream for the end of
    the answer, so this is an error to it.
    """
    async with aclosing(batches):
        async for batch in batches:
            block = b"".join(map(chunks.of, batch))
            if block or not batch:
                yield block or HEARTBEAT
            if chunks.answer.end is not None:
                return
    chunks.answer.end = broken_off(broke_off())
    yield _block(_json(error_of(chunks.answer.end))) + DONE


async def whole(batches: Batches, chunks: Chunks, broke_off: Callable[[], str]) -> dict[str, Any] | TurnError:
    """The completion as one object, or why there is none."""
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
    answer = chunks.answer
    async with aclosing(batches):
        async for batch in batches:
            for event in batch:
                words = answer.words(event)
                if words is not None:
                    texts[words[0]].append(words[1])
    if not isinstance(answer.end, events.TurnCompleted):
        return answer.end or broken_off(broke_off())
    message = {"role": "assistant", "content": "".join(texts["content"]), "refusal": None}
    if texts["reasoning_content"]:
        message["reasoning_content"] = "".join(texts["reasoning_content"])
    reason = FINISH_REASONS[answer.end.finish_reason]
    return {
        **chunks.fields("chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": usage_of(answer.usage),
    }


def broken_off(message: str) -> TurnError:
    """The error for an answer whose events ended before it did."""
    return TurnError(code="interrupted", message=message, retryable=True)
