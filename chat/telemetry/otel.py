"""OpenTelemetry traces and metrics with the GenAI semantic conventions (development status, semantic-conventions-genai 1.42).

A turn is a span; each of its calls is a CLIENT span `chat {model}` inside it, and the SDK's own span of the HTTP request is a child of
that. OpenTelemetry's own settings say where they are sent (`OTEL_EXPORTER_OTLP_ENDPOINT` and so on). Prompts and answers are recorded
only with `PALAVER_OTEL_CONTENT`.
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
FINE: Final = ("ok", "cancelled", "refusal")  # outcomes that are not errors
FINISH: Final = {  # the provider's stop reasons as the conventions name them
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
TOKENS: Final = [4**power for power in range(14)]  # bucket boundaries of the conventions
SECONDS: Final = [0.01 * 2**power for power in range(14)]
CHUNKS: Final = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]


@dataclass(slots=True)
class Providers:
    """Where spans and measurements are sent; `close` flushes them."""

    traces: TracerProvider
    metrics: MeterProvider

    def close(self) -> None:
        for provider in (self.traces, self.metrics):
            shutdown = getattr(provider, "shutdown", None)
            if shutdown is not None:
                shutdown()


def over_otlp() -> Providers:
    """Providers that send over OTLP, not registered globally, so that nothing else in this process is traced. Raises ImportError."""
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
class _Histograms:
    duration: Histogram
    tokens: Histogram
    first_chunk: Histogram


@dataclass(slots=True)
class OpenTelemetry:
    """Observer that records traces and metrics."""

    providers: Providers
    content: bool = False
    _turns: dict[str, Span] = field(default_factory=dict)
    _calls: dict[str, Span] = field(default_factory=dict)
    _tracer: Any = None
    _histograms: Any = None

    def __post_init__(self) -> None:
        self._tracer = self.providers.traces.get_tracer(SCOPE, schema_url=SCHEMA)
        meter = self.providers.metrics.get_meter(SCOPE, schema_url=SCHEMA)

        def histogram(name: str, unit: str, what: str, buckets: list[Any]) -> Histogram:
            return meter.create_histogram(
                f"gen_ai.client.{name}", unit, what, explicit_bucket_boundaries_advisory=buckets
            )

        self._histograms = _Histograms(
            duration=histogram("operation.duration", "s", "How long calls take.", SECONDS),
            tokens=histogram("token.usage", "{token}", "Tokens in and out.", TOKENS),
            first_chunk=histogram(
                "operation.time_to_first_chunk", "s", "From sending to the first token.", CHUNKS
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
            request = json.loads(body)
            attributes["gen_ai.input.messages"] = _as_json(
                {"role": message["role"], "parts": [*map(_part, message["content"])]}
                for message in request["messages"]
            )
            attributes["gen_ai.system_instructions"] = _as_json(map(_part, request.get("system", ())))
        turn = None if call_context.turn_id is None else self._turns.get(call_context.turn_id)
        span = self._tracer.start_span(
            f"chat {record.model}",
            context=None if turn is None else set_span_in_context(turn),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )
        self._calls[record.id] = span
        # An exception may quote a conversation, so it is not recorded; `call_ended` records the outcome.
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
        stop_reason = call.decoder.stop_reason
        finish = None if stop_reason is None else FINISH.get(stop_reason, stop_reason)
        if finish is not None:
            span.set_attribute("gen_ai.response.finish_reasons", [finish])
        if self.content:
            parts = [*map(_part, call.decoder.blocks)]
            reason = finish or ("stop" if record.outcome == "ok" else "error")
            answer = {"role": "assistant", "parts": parts, "finish_reason": reason}
            span.set_attribute("gen_ai.output.messages", _as_json([answer]))
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
            self._histograms.duration.record(record.ended_at - sent, labels)
        if record.first_token_at is not None:
            self._histograms.first_chunk.record(record.first_token_at - sent, labels)
            span.set_attribute("gen_ai.response.time_to_first_chunk", record.first_token_at - sent)
        for kind, count in (("input", used.prompt), ("output", used.output)):
            if count:
                self._histograms.tokens.record(count, {**labels, "gen_ai.token.type": kind})

    def streams_changed(self, change: int) -> None:
        pass


def _common(record: CallRecord) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": record.model,
    }


def _as_json(items: Iterable[dict[str, Any]]) -> str:
    return json.dumps([*items], ensure_ascii=False)


def _part(block: dict[str, Any]) -> dict[str, Any]:
    """A content block in the shape of the conventions."""
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
