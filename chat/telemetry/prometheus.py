"""Prometheus metrics for `/metrics`. Labels name models, purposes and outcomes, never users, threads or tokens."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from chat.calls.record import CallRecord

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
BREAKER: Final = {"closed": 0, "half_open": 1, "open": 2}
SHORT: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)  # seconds until the first token
LONG: Final = (0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 900)  # seconds of a whole answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The values of gauges at the moment of a scrape."""

    running: int
    waiting: int
    breakers: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, float] = field(default_factory=dict)


class Prometheus:
    """Observer that counts calls, turns and streams."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.turns = Counter("palaver_turns", "Turns by outcome.", ["outcome"], registry=registry)
        self.calls = Counter(
            "palaver_calls",
            "Calls to the model by outcome.",
            ["model", "purpose", "outcome"],
            registry=registry,
        )
        self.tokens = Counter("palaver_tokens", "Tokens by kind.", ["model", "kind"], registry=registry)
        self.cost = Counter(
            "palaver_cost_usd", "Cost in US dollars of priced calls.", ["model", "purpose"], registry=registry
        )
        self.unpriced = Counter(
            "palaver_unpriced_calls", "Calls of models without a price.", ["model"], registry=registry
        )
        self.queue = Histogram(
            "palaver_queue_seconds",
            "Waiting for a slot before a call is sent.",
            ["model"],
            buckets=SHORT,
            registry=registry,
        )
        self.first_byte = Histogram(
            "palaver_first_byte_seconds",
            "From sending a call to the first byte of its response.",
            ["model"],
            buckets=SHORT,
            registry=registry,
        )
        self.first_token = Histogram(
            "palaver_first_token_seconds",
            "From sending a call to its first token.",
            ["model"],
            buckets=SHORT,
            registry=registry,
        )
        self.call_seconds = Histogram(
            "palaver_call_seconds",
            "From sending a call to its end.",
            ["model"],
            buckets=LONG,
            registry=registry,
        )
        self.open_streams = Gauge("palaver_streams_open", "Open event streams.", registry=registry)

    def call_started(self, record: CallRecord, body: bytes) -> None:
        pass

    def call_ended(self, record: CallRecord, *, local: bool) -> None:
        model, purpose = record.model, record.call_context.purpose
        self.calls.labels(model, purpose, record.outcome).inc()
        used = record.usage
        for kind in KINDS:
            if count := getattr(used, kind):
                self.tokens.labels(model, kind).inc(count)
        if used.total and not local:
            cost = record.cost(local=local)
            if cost is None:
                self.unpriced.labels(model).inc()
            else:
                self.cost.labels(model, purpose).inc(float(cost))
        if record.sent_at is None:
            return
        self.queue.labels(model).observe(record.sent_at - record.requested_at)
        for histogram, at in (
            (self.first_byte, record.first_byte_at),
            (self.first_token, record.first_token_at),
            (self.call_seconds, record.ended_at),
        ):
            if at is not None:
                histogram.labels(model).observe(at - record.sent_at)

    def turn_started(self, turn_id: str) -> None:
        pass

    def turn_ended(self, turn_id: str, outcome: str) -> None:
        self.turns.labels(outcome).inc()

    def streams_changed(self, change: int) -> None:
        self.open_streams.inc(change)

    def page(self, now: Snapshot) -> bytes:
        """All metrics in the Prometheus text format."""
        gauges = CollectorRegistry()
        gauges.register(_Gauges(lambda: now))
        return generate_latest(self.registry) + generate_latest(gauges)


class _Gauges(Collector):
    """Gauges that are read at each scrape."""

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self.read = read

    def collect(self) -> Iterable[Metric]:
        now = self.read()
        yield GaugeMetricFamily("palaver_turns_running", "Turns running in this process.", value=now.running)
        yield GaugeMetricFamily("palaver_queue_length", "Calls waiting for a slot.", value=now.waiting)
        breakers = GaugeMetricFamily(
            "palaver_breaker_state",
            "Circuit breaker of a model. 0: closed; 1: half-open; 2: open.",
            labels=["model"],
        )
        for model, state in now.breakers.items():
            breakers.add_metric([model], BREAKER[state])
        yield breakers
        budgets = GaugeMetricFamily(
            "palaver_budget_share", "The fullest budget of each kind: used and reserved, as a share of its limit.",
            labels=["budget"],
        )  # fmt: skip
        for name, share in now.budgets.items():
            budgets.add_metric([name], share)
        yield budgets
