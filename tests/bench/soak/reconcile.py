"""The ledger against the simulator's own log: row by row, to the token and the picodollar."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from context.models.pricing import Usage, pico, price, usd
from store.database import Database
from tests.upstream.log import Exchange

KINDS = {
    "input": "input",
    "cache_read": "cache_read",
    "cache_write_5m": "write_5m",
    "cache_write_1h": "write_1h",
    "output": "output",
}
# How calls end whose count never arrives. Nothing else may be an estimate.
CUT_SHORT = {
    "cancelled", "interrupted", "connection", "timeout", "unfinished", "garbled",
    "overloaded", "server_error", "rate_limited",
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Books:
    """What both sides say. `wrong` is empty when they say the same."""

    calls: int = 0
    exact: int = 0
    cut_short: int = 0
    refused_by_status: int = 0
    unheard: int = 0
    paid: Decimal = Decimal(0)
    actual_usage: Decimal = Decimal(0)
    doubtful: Decimal = Decimal(0)
    faults: Counter[str] = field(default_factory=Counter)
    purposes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.calls} calls: {self.exact} exact to the token and picodollar (${self.paid} paid, ${self.actual_usage} billed), "
            f"{self.refused_by_status} refused by status, {self.cut_short} cut short and estimated, "
            f"{self.unheard} never heard of again (${self.doubtful} billed for both)"
        )


async def rows_of(database: Database) -> list[Mapping[str, Any]]:
    """The whole ledger."""

    def read(connection: Connection) -> list[Mapping[str, Any]]:
        found = connection.execute(text("SELECT * FROM ledger_entries ORDER BY created_at, id"))
        return [dict(row._mapping) for row in found]

    return await database.read(read)


def reconcile(rows: Sequence[Mapping[str, Any]], log: Iterable[Exchange]) -> Books:
    """Compare. Every exchange has its row and nothing is there twice; a count that arrived is exact in all five kinds.

    Calls the provider accepted are found by its message id. Calls it refused, and calls whose answer never began to arrive, have
    none: those are compared by model and status, and each needs a row of its own.
    """
    exchanges = [one for one in log if (one.method, one.path) == ("POST", "/v1/messages")]
    books = Books(calls=len(exchanges))
    books.faults = Counter(one.outcome for one in exchanges if one.outcome != "completed")
    books.purposes = Counter(row["purpose"] for row in rows)
    books.wrong += [
        f"the provider found a request wrong: {one.error}"
        for one in exchanges
        if one.outcome in {"rejected", "simulator failed"}
    ]
    named = Counter(row["upstream_id"] for row in rows if row["upstream_id"] is not None)
    books.wrong += [f"{name} is in the ledger {count} times" for name, count in named.items() if count > 1]
    by_id = {row["upstream_id"]: row for row in rows if row["upstream_id"] is not None}
    left: list[Exchange] = []
    for exchange in exchanges:
        row = by_id.pop(exchange.message_id, None) if exchange.message_id is not None else None
        if row is None:
            left.append(exchange)
        else:
            _compare(books, row, exchange)
    books.wrong += [f"{name} was never answered by the provider" for name in by_id]
    _unnamed(books, [row for row in rows if row["upstream_id"] is None], left)
    return books


def _compare(books: Books, row: Mapping[str, Any], exchange: Exchange) -> None:
    def wrong(what: str, ledger: object, provider: object) -> None:
        books.wrong.append(
            f"{row['id']} ({row['purpose']}, {row['outcome']}): {what} {ledger}, provider {provider}"
        )

    model, kinds = exchange.model, exchange.kinds
    if row["requested_model"] != model:
        wrong("model", row["requested_model"], model)
    exact = not row["estimated"]
    told = (
        exact or exchange.usage is not None
    )  # whether a cut answer would have been billed at all nobody can see
    for name, theirs in KINDS.items():
        if told and row[name] != kinds[theirs] and (exact or name != "output"):
            wrong(name, row[name], kinds[theirs])
    counted = Usage(**{name: row[name] for name in KINDS})
    cost = price(model, counted)
    if cost is None or row["cost_pico"] != pico(cost):
        wrong("cost", row["cost_pico"], cost)
    bill = price(model, Usage(**{name: kinds[theirs] for name, theirs in KINDS.items()})) or Decimal(0)
    if exact:
        books.exact += 1
        books.paid += usd(row["cost_pico"] or 0)
        books.actual_usage += bill
        return
    books.cut_short += 1
    books.doubtful += bill
    if row["outcome"] not in CUT_SHORT:
        wrong("estimated", row["outcome"], exchange.outcome)


def _unnamed(books: Books, rows: list[Mapping[str, Any]], exchanges: list[Exchange]) -> None:
    """Rows and exchanges without a common name: first those with the same error status, then those never heard of again."""
    refused = Counter((one.model, one.status) for one in exchanges if (one.status or 0) >= 400)
    silent = Counter(one.model for one in exchanges if (one.status or 0) < 400)
    spare: Counter[str] = Counter()
    for row in rows:
        key = (row["requested_model"], row["status"])
        used = sum(row[name] for name in KINDS)
        if refused[key] and not row["estimated"]:
            refused[key] -= 1
            books.refused_by_status += 1
            if used:
                books.wrong.append(
                    f"{row['id']}: {used} tokens, and the provider refused the call ({row['status']})"
                )
        elif row["status"] is not None and row["status"] >= 400:
            books.wrong.append(f"{row['id']}: status {row['status']}, which the provider never gave")
        elif used and not row["estimated"]:
            books.wrong.append(f"{row['id']}: {used} tokens of a call without an answer, and not an estimate")
        else:
            spare[row["requested_model"]] += 1
    for (model, _), count in refused.items():
        silent[model] += count  # refused, but the process died before it could say so
    for model, count in silent.items():
        books.unheard += count
        if spare[model] < count:
            books.wrong.append(
                f"{model}: {count} calls without an answer at the provider, {spare[model]} in the ledger"
            )
    for exchange in exchanges:
        if exchange.usage is not None:
            kinds = exchange.kinds
            used = Usage(**{name: kinds[theirs] for name, theirs in KINDS.items()})
            books.doubtful += price(exchange.model, used) or Decimal(0)
