"""What arrived and what became of it: one exchange per API request, in order of arrival."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.upstream.clock import rfc3339

Outcome = str
"""`running`, `completed`, `rejected` (our validation), `fault:<kind>` (scripted trouble) or `disconnected`."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request, filled in as it proceeds. Times are seconds of the simulator's clock."""

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    received_at: float
    request_id: str
    body: bytes = b""
    json: Any = None
    model: Any = None
    """The model asked for; it stays when bodies are not kept."""
    workspace: str | None = None
    status: int | None = None
    error: dict[str, Any] | None = None
    message_id: str | None = None
    began_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome = "running"
    usage: dict[str, Any] | None = None
    """What is billed; None when nothing is (errors, and refusals before output)."""
    limits: dict[str, str] = field(default_factory=dict)
    """Rate-limit headers of the response."""
    deltas_sent: int = 0
    text: str | None = None
    stop_reason: str | None = None

    @property
    def kinds(self) -> dict[str, int]:
        """The billed tokens by price: input, cache_read, write_5m, write_1h, output."""
        usage = self.usage or {}
        created = usage.get("cache_creation") or {}
        return {
            "input": usage.get("input_tokens", 0),
            "cache_read": usage.get("cache_read_input_tokens", 0),
            "write_5m": created.get("ephemeral_5m_input_tokens", 0),
            "write_1h": created.get("ephemeral_1h_input_tokens", 0),
            "output": usage.get("output_tokens", 0),
        }

    def row(self) -> dict[str, Any]:
        """For `GET /sim/log`. The key of the caller is not shown."""
        shown = {
            name: value for name, value in self.headers.items() if name not in ("authorization", "x-api-key")
        }
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": shown,
            "body": self.body.decode(errors="replace"),
            "json": self.json,
            "request_id": self.request_id,
            "workspace": self.workspace,
            "received_at": rfc3339(self.received_at),
            "began_at": self.began_at and rfc3339(self.began_at),
            "ended_at": self.ended_at and rfc3339(self.ended_at),
            "status": self.status,
            "outcome": self.outcome,
            "error": self.error,
            "message_id": self.message_id,
            "usage": self.usage,
            "kinds": self.kinds,
            "deltas_sent": self.deltas_sent,
            "text": self.text,
            "stop_reason": self.stop_reason,
        }


@dataclass(slots=True, kw_only=True)
class Log:
    """The last `limit` exchanges; iterate it or index it like a list.

    `billed` adds up every exchange ever, by model and kind of token. Without `keep_bodies` neither bytes nor JSON of a
    finished request are kept, so that a soak test can run for hours.
    """

    limit: int = 10_000
    keep_bodies: bool = True
    total: int = 0
    billed: dict[str, Counter[str]] = field(default_factory=dict)
    exchanges: deque[Exchange] = field(init=False)

    def __post_init__(self) -> None:
        self.exchanges = deque(maxlen=self.limit)

    def add(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def next_number(self) -> int:
        self.total += 1
        return self.total

    def bill(self, model: str, kinds: dict[str, int]) -> None:
        self.billed.setdefault(model, Counter()).update({"requests": 1, **kinds})

    def clear(self) -> None:
        self.exchanges.clear()
        self.billed.clear()

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self.exchanges))

    def __len__(self) -> int:
        return len(self.exchanges)

    def __getitem__(self, index: int) -> Exchange:
        return self.exchanges[index]
