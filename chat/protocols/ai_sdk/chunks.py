"""Turn events into chunks of the AI SDK's UI message stream, v1. README.md has the table.

The client checks them: a delta or an end of a part that is not open makes the whole answer fail, and so does an unknown type.
Source: `ai` 7.0, `src/ui/process-ui-message-stream.ts`.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chat.api.event_stream import HEARTBEAT
from chat.protocols.frames import events_of
from chat.stream import events
from chat.stream.events import TurnEvent
from chat.stream.one_line import one_line

Chunk = dict[str, Any]

HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}
DONE = b"data: [DONE]\n\n"
FINISH_REASONS: dict[events.FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
}

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Chunks:
    """The chunks of one turn, event by event. All it remembers is which kind each part is, and whether a tool was the last."""

    kinds: dict[str, str] = field(default_factory=dict)
    after_tool: bool = False

    def of(self, event: TurnEvent) -> list[Chunk]:
        """The chunks that stand for an event; none for what the client has no use for."""
        match event:
            case events.PartDelta(part_id=part_id, text=text):
                return [{"type": f"{self.kinds[part_id]}-delta", "id": part_id, "delta": text}]
            case events.PartStarted():
                return self._part_started(event)
            case events.PartEnded():
                return self._part_ended(event)
            case events.Note(name=name, data=data):
                return _of_note(name, data)
            case events.TurnStarted():
                return _of_start(event)
            case _:
                return _of_end(event)

    def _part_started(self, event: events.PartStarted) -> list[Chunk]:
        self.kinds[event.part_id] = event.kind
        if event.kind == "tool":
            self.after_tool = True
            call: Chunk = {
                "type": "tool-input-available",
                "toolCallId": _tool_call_id(event),
                "toolName": event.name,
                "input": event.input,
                "providerExecuted": True,
                "dynamic": True,
            }
            return [call]
        # The model is called again with the results of its tools: a step of its own, which `reset-step` can take back.
        steps: list[Chunk] = [{"type": "finish-step"}, {"type": "start-step"}] if self.after_tool else []
        self.after_tool = False
        return [*steps, {"type": f"{event.kind}-start", "id": event.part_id}]

    def _part_ended(self, event: events.PartEnded) -> list[Chunk]:
        kind = self.kinds[event.part_id]
        if kind == "tool":
            output: Chunk = {
                "type": "tool-output-available",
                "toolCallId": _tool_call_id(event),
                "output": event.result,
                "providerExecuted": True,
                "dynamic": True,
            }
            return [output]
        end: Chunk = {"type": f"{kind}-end", "id": event.part_id}
        if event.seconds is not None:
            end["providerMetadata"] = {"palaver": {"seconds": event.seconds}}
        return [end]


def _tool_call_id(event: events.PartStarted | events.PartEnded) -> str:
    """Part ids are unique in their turn only."""
    return f"{event.turn_id}:{event.part_id}"


def _of_start(event: events.TurnStarted) -> list[Chunk]:
    metadata = {
        "threadId": event.thread_id,
        "turnId": event.turn_id,
        "userMessageId": event.user_message_id,
        "createdAt": event.created_at,
    }
    return [
        {"type": "start", "messageId": event.message_id, "messageMetadata": metadata},
        {"type": "start-step"},
    ]


def _of_note(name: str, data: dict[str, Any]) -> list[Chunk]:
    """Notes reach `onData` and are not kept in the message, but for what they change in it."""
    note: Chunk = {"type": f"data-{name}", "data": data, "transient": True}
    match name:
        case "route":
            return [note, {"type": "message-metadata", "messageMetadata": {"model": data["model"]}}]
        case "discard":
            return [note, {"type": "reset-step"}]
    return [note]


def _of_end(event: events.TurnCompleted | events.TurnFailed | events.TurnCancelled) -> list[Chunk]:
    metadata: Chunk = {} if event.usage is None else {"usage": _usage(event.usage)}
    match event:
        case events.TurnCompleted():
            reason = FINISH_REASONS[event.finish_reason]
            return [
                {"type": "finish-step"},
                {"type": "finish", "finishReason": reason, "messageMetadata": metadata},
            ]
        case events.TurnFailed(error=error):
            metadata["error"] = {"code": error.code, "retryable": error.retryable}
            return [
                {"type": "message-metadata", "messageMetadata": metadata},
                {"type": "error", "errorText": error.message},
            ]
        case events.TurnCancelled():
            why = {} if event.reason is None else {"reason": event.reason}
            return [
                {"type": "abort", **why},
                {"type": "finish", "finishReason": "interrupted", "messageMetadata": metadata},
            ]


def _usage(usage: events.TokenUsage) -> dict[str, int]:
    """Usage with the names the AI SDK gives its own."""
    fields = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "cachedInputTokens": usage.cached_input_tokens,
        "cacheWriteInputTokens": usage.cache_write_input_tokens,
    }
    return {name: tokens for name, tokens in fields.items() if tokens is not None}


def encode(chunk: Chunk) -> bytes:
    """One SSE block. Compact: assistant-ui looks for `"type":"finish"` in the bytes."""
    return f"data: {one_line(_encoder.encode(chunk).decode())}\n\n".encode()


async def stream(
    frames: AsyncGenerator[bytes, None], broke_off: Callable[[], str]
) -> AsyncGenerator[bytes, None]:
    """The bytes of the AI SDK's stream for all frames of a turn. It always ends with `[DONE]`.

    `broke_off` says why, for a person, when the frames end before the turn does. The client takes the end of a stream for the end of
    the answer, so this is an error to it; it may resume.
    """
    chunks = Chunks()
    async with aclosing(frames):
        async for data in frames:
            if data == HEARTBEAT:
                yield HEARTBEAT
                continue
            block, ended = bytearray(), False
            for event in events_of(data):
                block += b"".join(map(encode, chunks.of(event)))
                ended = isinstance(event, events.TurnCompleted | events.TurnFailed | events.TurnCancelled)
            if block:
                yield bytes(block + DONE) if ended else bytes(block)
            if ended:
                return
    yield encode({"type": "error", "errorText": broke_off()}) + DONE
