"""OpenTelemetry with the GenAI semantic conventions (development status, as of semantic-conventions-genai 1.42).

A turn is a span; each call for it is a CLIENT span `chat {model}` in it, and the SDK's own span of the HTTP call is a child of that.
Where to send them is OpenTelemetry's own settings (`OTEL_EXPORTER_OTLP_ENDPOINT` and so on). What was asked and answered is
recorded only when `PALAVER_OTEL_CONTENT` says so.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.metrics import Histogram, MeterProvider
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    set_span_in_context,
    use_span,
)

from chat.calls.record import CallRecord

SCOPE: Final = "palaver"
SCHEMA: Final = "https://opentelemetry.io/schemas/gen-ai/1.42.0"
FINE: Final = ("ok", "cancelled", "refusal")  # outcomes that are no errors
FINISH: Final = {  # the provider's words in the conventions'
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
TOKENS: Final = [4**power for power in range(14)]  # bucket boundaries the conventions ask for
SECONDS: Final = [0.01 * 2**power for power in range(14)]
CHUNKS: Final = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]


@dataclass(slots=True)
class Providers:
    """Where spans and measurements go; `close` sends what is left."""

    traces: TracerProvider
    metrics: MeterProvider

    def close(self) -> None:
        for one in (self.traces, self.metrics):
            shutdown = getattr(one, "shutdown", None)
            if shutdown is not None:
                shutdown()


def over_otlp() -> Providers:
    """Providers that send over OTLP. Not registered globally: nothing else in this process is watched. Raises ImportError."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider as Metrics
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider as Traces
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": SCOPE})
    traces = Traces(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    metrics = Metrics(metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    return Providers(traces=traces, metrics=metrics)


@dataclass(slots=True)
class _Meters:
    duration: Histogram
    tokens: Histogram
    first_chunk: Histogram


@dataclass(slots=True)
class OpenTelemetry:
    """A watcher that traces and measures."""

    providers: Providers
    content: bool = False
    _turns: dict[str, Span] = field(default_factory=dict)
    _calls: dict[str, Span] = field(default_factory=dict)
    _tracer: Any = None
    _meters: Any = None

    def __post_init__(self) -> None:
        self._tracer = self.providers.traces.get_tracer(SCOPE, schema_url=SCHEMA)
        meter = self.providers.metrics.get_meter(SCOPE, schema_url=SCHEMA)

        def histogram(name: str, unit: str, what: str, buckets: list[Any]) -> Histogram:
            return meter.create_histogram(
                f"gen_ai.client.{name}", unit, what, explicit_bucket_boundaries_advisory=buckets
            )

        self._meters = _Meters(
            duration=histogram("operation.duration", "s", "How long calls take.", SECONDS),
            tokens=histogram("token.usage", "{token}", "Tokens in and out.", TOKENS),
            first_chunk=histogram(
                "operation.time_to_first_chunk", "s", "From sending to the first words.", CHUNKS
            ),
        )

    def turn_started(self, turn_id: str) -> None:
        self._turns[turn_id] = self._tracer.start_span("turn", attributes={"palaver.turn.id": turn_id})

    def turn_ended(self, turn_id: str, outcome: str) -> None:
        span = self._turns.pop(turn_id, None)
        if span is None:
            return
        span.set_attribute("palaver.turn.outcome", outcome)
        if outcome == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def call_started(self, record: CallRecord, body: bytes) -> None:
        call_context = record.call_context
        attributes: dict[str, Any] = {
            **_common(record),
            "gen_ai.request.max_tokens": record.size.output,
            "gen_ai.request.stream": call_context.purpose != "keepalive",
            "palaver.purpose": call_context.purpose,
            "palaver.attempt": record.attempt,
        }
        if call_context.thread_id is not None:
            attributes["gen_ai.conversation.id"] = call_context.thread_id
        if self.content:
            asked = json.loads(body)
            attributes["gen_ai.input.messages"] = _as_json(
                {"role": one["role"], "parts": [*map(_part, one["content"])]} for one in asked["messages"]
            )
            attributes["gen_ai.system_instructions"] = _as_json(map(_part, asked.get("system", ())))
        turn = None if call_context.turn_id is None else self._turns.get(call_context.turn_id)
        span = self._tracer.start_span(
            f"chat {record.model}",
            context=None if turn is None else set_span_in_context(turn),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )
        self._calls[record.id] = span
        # An exception of the provider's may repeat what somebody said; how the call ended is told by `call_ended`.
        record.call.around = lambda: use_span(span, record_exception=False, set_status_on_exception=False)

    def call_ended(self, record: CallRecord, *, local: bool) -> None:
        span = self._calls.pop(record.id, None)
        if span is None:
            return
        used, call = record.usage, record.call
        labels = _common(record)
        if call.model:
            labels["gen_ai.response.model"] = call.model
        if call.upstream_id:
            span.set_attribute("gen_ai.response.id", call.upstream_id)
        span.set_attributes(labels)
        span.set_attributes(
            {
                "gen_ai.usage.input_tokens": used.prompt,
                "gen_ai.usage.output_tokens": used.output,
                "gen_ai.usage.cache_read.input_tokens": used.cache_read,
                "gen_ai.usage.cache_creation.input_tokens": used.cache_write_5m + used.cache_write_1h,
                "gen_ai.usage.reasoning.output_tokens": used.reasoning,
                "palaver.estimated": record.estimated,
            }
        )
        if call.disconnect is not None:
            span.set_attribute("palaver.upstream_disconnect", call.disconnect)
        stopped = call.decoder.stop_reason
        finish = None if stopped is None else FINISH.get(stopped, stopped)
        if finish is not None:
            span.set_attribute("gen_ai.response.finish_reasons", [finish])
        if self.content:
            parts = [*map(_part, call.decoder.blocks)]
            ended = finish or ("stop" if record.outcome == "ok" else "error")
            said = {"role": "assistant", "parts": parts, "finish_reason": ended}
            span.set_attribute("gen_ai.output.messages", _as_json([said]))
        if record.outcome not in FINE:
            labels["error.type"] = record.outcome
            span.set_attribute("error.type", record.outcome)
            span.set_status(Status(StatusCode.ERROR))
        if record.sent_at is not None:
            self._measure(record, span, labels)
        span.end()

    def _measure(self, record: CallRecord, span: Span, labels: dict[str, Any]) -> None:
        sent, used = record.sent_at or 0.0, record.usage
        if record.ended_at is not None:
            self._meters.duration.record(record.ended_at - sent, labels)
        if record.first_token_at is not None:
            self._meters.first_chunk.record(record.first_token_at - sent, labels)
            span.set_attribute("gen_ai.response.time_to_first_chunk", record.first_token_at - sent)
        for kind, count in (("input", used.prompt), ("output", used.output)):
            if count:
                self._meters.tokens.record(count, {**labels, "gen_ai.token.type": kind})

    def streams_changed(self, change: int) -> None:
        pass


def _common(record: CallRecord) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": record.model,
    }


def _as_json(found: Iterable[dict[str, Any]]) -> str:
    return json.dumps([*found], ensure_ascii=False)


def _part(block: dict[str, Any]) -> dict[str, Any]:
    """A block of a message in the conventions' own shape."""
    match block.get("type"):
        case "text":
            return {"type": "text", "content": block["text"]}
        case "thinking":
            return {"type": "reasoning", "content": block["thinking"]}
        case "tool_use":
            return {
                "type": "tool_call",
                "id": block["id"],
                "name": block["name"],
                "arguments": block["input"],
            }
        case "tool_result":
            return {"type": "tool_call_response", "id": block["tool_use_id"], "response": block["content"]}
        case other:
            return {"type": str(other)}
