"""Export ledger sums and entries as CSV, safe to open in a spreadsheet: no cell is a formula."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from unicodedata import normalize

from chat.clock import rfc3339
from chat.usage.amounts import dollars, plain
from chat.usage.queries import cost_of, saved_of
from store.ledger.aggregates import KINDS, Dimension
from store.ledger.entries import Entry
from store.ledger.reports import Sums

_TOKENS = tuple(f"{kind}_tokens" for kind in KINDS)
FIGURES = (
    *("calls", "ok", "refused", "cancelled", "failed", "estimated", "unpriced"),
    *_TOKENS,
    *("cost_usd", "first_token_p50_ms", "first_token_p95_ms", "top_model_usd", "saved_usd"),
)
CALL_COLUMNS = (
    *("id", "created_at", "user", "thread", "turn", "token", "feature", "purpose", "tier"),
    *(
        "requested_model",
        "response_model",
        *_TOKENS,
        "cost_usd",
        "price_table",
        "estimated",
        "outcome",
        "status",
    ),
    *("attempt", "upstream_id", "queue_ms", "first_byte_ms", "first_token_ms", "total_ms", "cache_miss"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def flat(sums: Sums, by: Sequence[Dimension]) -> dict[str, Any]:
    """The sums of one group as one row."""
    usage = sums.usage
    return {
        **dict(zip(by, sums.group, strict=True)),
        "calls": sums.calls,
        "ok": sums.ok,
        "refused": sums.refused,
        "cancelled": sums.cancelled,
        "failed": sums.failed,
        "estimated": sums.estimated,
        "unpriced": sums.unpriced,
        **{f"{kind}_tokens": getattr(usage, kind) for kind in KINDS},
        "cost_usd": cost_of(sums),
        "first_token_p50_ms": sums.first_token_ms.get("p50"),
        "first_token_p95_ms": sums.first_token_ms.get("p95"),
        "top_model_usd": dollars(sums.on_top) if saved_of(sums) is not None else None,
        "saved_usd": saved_of(sums),
    }


def flat_call(row: Entry) -> dict[str, Any]:
    """One ledger entry as one row. Entries contain no text of conversations."""
    return {
        "id": row.id,
        "created_at": rfc3339(row.created_at),
        "user": row.owner_id,
        "thread": row.thread_id,
        "turn": row.turn_id,
        "token": row.token,
        "feature": row.feature,
        "purpose": row.purpose,
        "tier": row.tier,
        "requested_model": row.requested_model,
        "response_model": row.response_model,
        **{f"{kind}_tokens": getattr(row.usage, kind) for kind in KINDS},
        "cost_usd": None if row.cost is None else plain(row.cost),
        "price_table": row.price_table,
        "estimated": row.estimated,
        "outcome": row.outcome,
        "status": row.status,
        "attempt": row.attempt,
        "upstream_id": row.upstream_id,
        "queue_ms": row.queue_ms,
        "first_byte_ms": row.first_byte_ms,
        "first_token_ms": row.first_token_ms,
        "total_ms": row.total_ms,
        "cache_miss": row.cache_miss,
    }


def as_csv(rows: Iterable[Mapping[str, Any]], names: Sequence[str], *, header: bool = True) -> str:
    """Rows as CSV (RFC 4180). Text that a spreadsheet could evaluate as a formula is prefixed with an apostrophe."""
    output = io.StringIO(newline="")
    table = csv.writer(output)
    if header:
        table.writerow(names)
    table.writerows([_cell(row[name]) for name in names] for row in rows)
    return output.getvalue()


# Amounts are text, so that they stay exact. A negative one is no formula.
_AMOUNT = re.compile(r"-?\d+(\.\d+)?")


def _cell(value: Any) -> Any:
    if isinstance(value, str) and _may_be_formula(value) and not _AMOUNT.fullmatch(value):
        return f"'{value}"
    return value


def _may_be_formula(value: str) -> bool:
    """Whether a spreadsheet may evaluate it: they skip leading spaces, and accept the full-width forms of the signs."""
    first = normalize("NFKC", value.lstrip()[:1])
    return _CONTROL.match(value) is not None or first in {"=", "+", "-", "@"}
