"""What may be watched: right figures for those who may see them, nothing unless asked for, and never what people say."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from chat.budgets.reservations import OVER_BUDGET
from chat.cli.main import app as command
from chat.telemetry.otel import Providers
from chat.telemetry.prometheus import Prometheus, Snapshot
from chat.upstream.failures import SKIPPED
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

SECRET = "xylophone-sentinel"
KEY = "sk-ant-test-key-0123456789"
TOKEN = "a-token-of-at-least-sixteen"


def figures(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """A scrape, read by Prometheus's own parser."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return sum(
        value for (sample, has), value in samples.items() if sample == name and set(labels.items()) <= has
    )


async def test_a_scrape_says_what_happened(sim: Simulator, tmp_path: Path) -> None:
    sim.script(Reply(text="Fine."), faults.overloaded(), Reply(text="Fine again."))
    async with palaver(tmp_path, sim, metrics=True, clock=QuickClock()) as app:
        first, second = await app.chat("t", "Hello"), await app.chat("t", "And now?")
        answer = await app.http.get("/metrics")
        samples = figures(answer.text)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert (first["status"], second["status"]) == ("completed", "completed")
    model = "claude-sonnet-5-5"
    assert figure(samples, "palaver_turns_total", outcome="completed") == 2
    assert figure(samples, "palaver_calls_total", model=model, purpose="reply", outcome="ok") == 2
    assert figure(samples, "palaver_calls_total", outcome="overloaded") == 1
    output = first["usage"]["output_tokens"] + second["usage"]["output_tokens"]
    assert figure(samples, "palaver_tokens_total", kind="output") == output
    cost = float(first["message"]["cost_usd"]) + float(second["message"]["cost_usd"])
    assert figure(samples, "palaver_cost_usd_total", model=model) == pytest.approx(cost)
    assert figure(samples, "palaver_first_token_seconds_count") == 2
    assert figure(samples, "palaver_call_seconds_count") == 3
    assert figure(samples, "palaver_turns_running") == figure(samples, "palaver_streams_open") == 0
    assert figure(samples, "palaver_breaker_state", model=model) == 0
    names = {name for (_, labels) in samples for name, _ in labels}
    assert names <= {"model", "purpose", "outcome", "kind", "le", "budget"}, "nobody is named"
    assert SECRET not in answer.text


async def test_the_fullest_budget_of_each_kind_is_told(sim: Simulator, tmp_path: Path) -> None:
    budgets = [
        {"scope": "user", "unit": "requests", "period": "day", "limit": 4},
        {"scope": "deployment", "unit": "usd", "period": "month", "limit": 10},
    ]
    async with palaver(tmp_path, sim, metrics=True, budgets=budgets) as app:
        turn = await app.chat("t", "Hello")
        samples = figures((await app.http.get("/metrics")).text)
    assert figure(samples, "palaver_budget_share", budget="user requests day") == 0.25
    spent = float(turn["message"]["cost_usd"])
    assert figure(samples, "palaver_budget_share", budget="deployment usd month") == pytest.approx(spent / 10)


async def test_only_who_may_sees_the_figures(sim: Simulator, tmp_path: Path) -> None:
    async def status(app: Palaver, token: str | None, path: str = "/metrics") -> int:
        headers = {"authorization": "" if token is None else f"Bearer {token}"}
        return (await app.http.get(path, headers=headers)).status_code

    scraper = "a-token-for-the-scraper"
    async with palaver(tmp_path / "a", sim) as app:
        assert await status(app, None) == 404, "off by default"
    async with palaver(tmp_path / "b", sim, metrics=True, token=TOKEN, metrics_token=scraper) as app:
        assert [await status(app, token) for token in (None, "wrong", TOKEN, scraper)] == [401, 401, 200, 200]
        assert await status(app, scraper, "/api/threads") == 401, "it opens nothing else"
    async with palaver(tmp_path / "c", sim, metrics=True, metrics_token=scraper) as app:
        assert [await status(app, token) for token in (None, scraper)] == [401, 200]
        assert await status(app, None, "/api/threads") == 200


@asynccontextmanager
async def traced(
    folder: Path, sim: Simulator, **settings: Any
) -> AsyncIterator[tuple[Palaver, InMemorySpanExporter, InMemoryMetricReader]]:
    """A Palaver whose traces and measurements stay in memory."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider(shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(spans))
    metrics = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    providers = Providers(traces=traces, metrics=metrics)
    async with palaver(folder, sim, otel=True, telemetry=providers, clock=QuickClock(), **settings) as app:
        yield app, spans, reader


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_turn_is_a_trace_with_its_calls_and_the_sdks_own_spans(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.script(faults.overloaded(), Reply(text="Fine."))
    async with traced(tmp_path, sim) as (app, spans, reader):
        turn = await app.chat("t", "Hello")
        data = reader.get_metrics_data()
        finished_spans = spans.get_finished_spans()
    (whole,) = (span for span in finished_spans if span.name == "turn")
    failed, answered = (span for span in finished_spans if span.name == "chat claude-sonnet-5-5")
    assert whole.context is not None
    assert attributes(whole)["palaver.turn.outcome"] == "completed"
    for call in (failed, answered):
        assert call.parent is not None
        assert call.parent.span_id == whole.context.span_id
        assert call.kind.name == "CLIENT"
    assert (attributes(failed)["error.type"], failed.status.is_ok) == ("overloaded", False)
    fields = attributes(answered)
    assert fields["gen_ai.operation.name"] == "chat"
    assert fields["gen_ai.provider.name"] == "anthropic"
    assert fields["gen_ai.request.model"] == fields["gen_ai.response.model"] == "claude-sonnet-5-5"
    assert fields["gen_ai.conversation.id"] == "t"
    assert fields["gen_ai.usage.output_tokens"] == turn["usage"]["output_tokens"]
    assert fields["gen_ai.usage.input_tokens"] == turn["usage"]["input_tokens"]
    assert fields["gen_ai.response.finish_reasons"] == ("stop",)
    own = [
        span
        for span in finished_spans
        if span.instrumentation_scope and "anthropic" in span.instrumentation_scope.name
    ]
    ids = {call.context.span_id for call in (failed, answered) if call.context is not None}
    assert {span.parent.span_id for span in own if span.parent is not None} >= ids, (
        "the SDK's spans are inside ours"
    )
    assert data is not None
    measured = {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.time_to_first_chunk",
    } <= measured.keys()


@pytest.mark.parametrize("content", [False, True])
async def test_what_people_say_is_in_no_span_unless_asked_for(
    sim: Simulator, tmp_path: Path, content: bool
) -> None:
    sim.respond(lambda _: Reply(text=f"You said {SECRET}.", thinking=f"Hm, {SECRET}."))
    async with traced(tmp_path, sim, otel_content=content, metrics=True, titles="model") as (
        app,
        spans,
        reader,
    ):
        turn = await app.chat("t", f"My word is {SECRET}")
        assert turn["status"] == "completed"
        scraped = (await app.http.get("/metrics")).text
        exported = "".join(span.to_json() for span in spans.get_finished_spans())
        data = reader.get_metrics_data()
    assert data is not None
    for place in (scraped, data.to_json()):
        assert SECRET not in place
        assert KEY not in place
    assert KEY not in exported
    assert (SECRET in exported) == content


async def test_what_the_provider_says_of_a_bad_request_is_in_no_span(sim: Simulator, tmp_path: Path) -> None:
    sim.script(faults.http_error(400, "invalid_request_error", f"messages.0: {SECRET} is not allowed"))
    async with traced(tmp_path, sim) as (app, spans, _):
        turn = await app.chat("t", "Hello")
        finished_spans = spans.get_finished_spans()
    assert turn["status"] == "failed"
    (call,) = (span for span in finished_spans if span.name.startswith("chat "))
    assert (attributes(call)["error.type"], call.status.is_ok) == ("bad_request", False)
    assert SECRET not in "".join(span.to_json() for span in finished_spans)


async def test_what_is_said_is_recorded_in_the_shape_of_the_conventions(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.script(Reply(text="Half an ans", stop_reason="max_tokens"))
    async with traced(tmp_path, sim, otel_content=True) as (app, spans, _):
        await app.chat("t", "Hello")
        finished_spans = spans.get_finished_spans()
    (call,) = (span for span in finished_spans if span.name.startswith("chat "))
    fields = attributes(call)
    (output,) = json.loads(fields["gen_ai.output.messages"])
    assert (output["role"], output["finish_reason"]) == ("assistant", "length")
    assert output["parts"][-1] == {"type": "text", "content": "Half an ans"}
    assert fields["gen_ai.response.finish_reasons"] == ("length",)
    system = json.loads(fields["gen_ai.system_instructions"])
    assert system
    assert all(part.keys() == {"type", "content"} for part in system)


def test_with_everything_off_nothing_is_loaded_and_no_provider_is_registered() -> None:
    ended = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("quiet\n")


# In a process of its own: the tests here have loaded everything already.
QUIET = """
import asyncio, sys, tempfile
from chat.app import running
from chat.config.settings import Settings
from opentelemetry import metrics, trace
async def main():
    settings = Settings(_env_file=None, data_dir=tempfile.mkdtemp(), anthropic_api_key="sk-ant-test", anthropic_base_url="http://127.0.0.1:9")
    async with running(settings) as deps:
        caller = deps.runtime.caller
        assert caller.hooks.hooks == (), "somebody watches"
        assert deps.metrics is None
        assert not caller.upstream.client.open_telemetry["traces"]["enabled"], "the SDK would trace"
asyncio.run(main())
assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
assert type(metrics.get_meter_provider()).__name__.lstrip("_").startswith("ProxyMeterProvider")
loaded = [name for name in sys.modules if name.startswith(("chat.telemetry.otel", "chat.telemetry.prometheus", "opentelemetry.exporter", "prometheus_client"))]
assert not loaded, loaded
print("quiet")
"""


def expressions() -> dict[str, str]:
    """Every PromQL expression of the examples, by where it stands."""
    folder = files("chat.telemetry") / "examples"
    dashboard = json.loads((folder / "dashboard.json").read_text())
    rules = yaml.safe_load((folder / "alerts.yml").read_text())
    by_place = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    return by_place | {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}


@pytest.mark.parametrize("where", expressions())
def test_the_examples_are_promql_over_figures_that_exist(where: str) -> None:
    expression = expressions()[where]
    promql_parser.parse(expression)
    metrics = Prometheus()
    labels: dict[str, set[str]] = {}
    page = metrics.page(Snapshot(running=0, waiting=0)).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    for metric in (metrics.turns, metrics.calls, metrics.tokens, metrics.cost, metrics.unpriced):
        labels[f"{metric._name}_total"] = set(metric._labelnames)
    for name in re.findall(r"palaver_\w+", expression):
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        assert base in kinds, f"{name} is measured by nobody"
    for name, selector in re.findall(r"(palaver_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)(?:=|!)", selector)) <= labels[name]


def test_a_call_that_was_left_out_is_no_error_to_anybody_watching() -> None:
    counted = re.findall(r'outcome!~"([^"]*)"', expressions()["PalaverErrors"])
    assert len(counted) == 2
    for outcome in (OVER_BUDGET, SKIPPED.outcome):
        assert all(outcome in labels.split("|") for labels in counted)


@pytest.mark.parametrize(("what", "begins"), [("dashboard", "{"), ("alerts", "#")])
def test_the_command_prints_the_examples(what: str, begins: str) -> None:
    ended = CliRunner().invoke(command, ["monitoring", what])
    assert ended.exit_code == 0
    assert ended.output.startswith(begins)
