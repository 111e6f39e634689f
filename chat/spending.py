"""Questions to the ledger as people ask them, and its answers as JSON and CSV: for the API and the command line alike.

span ....... from when to when, in whose days
answer ..... the sums of a span, with what they are compared with
as_csv ..... rows for a spreadsheet, in which no cell is a formula
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.times import rfc3339
from context.pricing import usd
from context.savings import periods
from store import reports
from store.reports import Report, Sums
from store.sums import KINDS, Dimension, Label, Offset, Selection
from store.usage import Entry

LONGEST = 800  # days of one report: two years and a bit, so that no question reads a ledger of decades
USUAL = 30  # days of a report that names no start
_TOKENS = tuple(f"{kind}_tokens" for kind in KINDS)
FIGURES = (
    *("calls", "ok", "refused", "cancelled", "failed", "estimated", "unpriced"),
    *_TOKENS,
    *("cost_usd", "first_token_p50_ms", "first_token_p95_ms", "top_model_usd", "saved_usd"),
)
CALL_COLUMNS = (
    *("id", "created_at", "user", "thread", "turn", "token", "feature", "purpose", "tier"),
    *("model_asked", "model_answered", *_TOKENS, "cost_usd", "price_table", "estimated", "outcome", "status"),
    *("attempt", "upstream_id", "queue_ms", "first_byte_ms", "first_token_ms", "total_ms", "shortfall"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class BadQuestion(Exception):
    """A question that cannot be answered; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` on and before `end`, in milliseconds; days are those of `zone`."""

    start: int
    end: int
    zone: tzinfo


def span(start: str | None, end: str | None, zone: str, now: int) -> Span:
    """A span of days (both included) or moments. Raises BadQuestion.

    Without an end it ends now; without a start it has the 30 days before its end. Dates are days of `zone`, an IANA name.
    """
    place = _zone(zone)
    until = now + 1 if end is None else _moment("to", end, place, after=True)
    usual = datetime.fromtimestamp(until / 1000, place) - timedelta(days=USUAL)
    since = round(usual.timestamp() * 1000) if start is None else _moment("from", start, place, after=False)
    if since >= until:
        raise BadQuestion("from", "the span ends before it begins")
    if until - since > (LONGEST + 1) * 86_400_000:
        raise BadQuestion("from", f"a span may have at most {LONGEST} days")
    return Span(start=since, end=until, zone=place)


def offsets(asked: Span) -> tuple[Offset, ...]:
    """How far ahead of UTC the zone is, and from when on, exact to the second."""

    def ahead(at: int) -> int:
        found = datetime.fromtimestamp(at, UTC).astimezone(asked.zone).utcoffset()
        return round((found or timedelta()).total_seconds()) * 1000

    at, last = asked.start // 1000, asked.end // 1000 + 1
    found = [Offset(start=0, ahead=ahead(at))]
    while at < last:
        step = min(at + 86_400, last)
        if ahead(step) != ahead(at):
            low, high = at, step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle) == ahead(at) else (low, middle)
            found.append(Offset(start=high * 1000, ahead=ahead(step)))
        at = step
    return tuple(found)


async def answer(
    connection: AsyncConnection,
    asked: Span,
    by: Sequence[Dimension],
    *,
    owner_id: str | None,
    only: Mapping[Label, str],
    limit: int,
    top_model: str,
) -> Report:
    """The sums of a span, for one owner or everybody (None)."""
    selection = Selection(owner_id=owner_id, start=asked.start, end=asked.end, only=only)
    first = await reports.first_call(connection, selection)
    top = () if first is None else periods(top_model, start=first, end=asked.end)
    return await reports.report(connection, selection, by, limit=limit, days=offsets(asked), top=top)


def dollars(pico: int) -> str:
    """Picodollars as an exact decimal number of US dollars."""
    return plain(usd(pico))


def plain(amount: Decimal) -> str:
    """A decimal number without an exponent and without zeros that say nothing."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def cost_of(sums: Sums) -> str | None:
    """What a group cost in USD, or None when nothing in it has a price."""
    return None if sums.unpriced and not sums.cost else dollars(sums.cost)


def saved_of(sums: Sums) -> str | None:
    """What routing and caching saved on a group in USD; None when nothing in it can be compared."""
    return dollars(sums.on_top - sums.compared) if sums.compared or sums.on_top else None


def flat(sums: Sums, by: Sequence[Dimension]) -> dict[str, Any]:
    """A group as one row."""
    used = sums.usage
    return {
        **dict(zip(by, sums.group, strict=True)),
        "calls": sums.calls,
        "ok": sums.ok,
        "refused": sums.refused,
        "cancelled": sums.cancelled,
        "failed": sums.failed,
        "estimated": sums.estimated,
        "unpriced": sums.unpriced,
        **{f"{kind}_tokens": getattr(used, kind) for kind in KINDS},
        "cost_usd": cost_of(sums),
        "first_token_p50_ms": sums.first_token_ms.get("p50"),
        "first_token_p95_ms": sums.first_token_ms.get("p95"),
        "top_model_usd": dollars(sums.on_top) if saved_of(sums) is not None else None,
        "saved_usd": saved_of(sums),
    }


def flat_call(row: Entry) -> dict[str, Any]:
    """One row of the ledger as it is exported: everything but what was said, which no row has."""
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
        "model_asked": row.model_asked,
        "model_answered": row.model_answered,
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
        "shortfall": row.shortfall,
    }


def as_csv(rows: Iterable[Mapping[str, Any]], names: Sequence[str], *, header: bool = True) -> str:
    """Rows as CSV (RFC 4180). Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    written = io.StringIO(newline="")
    table = csv.writer(written)
    if header:
        table.writerow(names)
    table.writerows([_cell(row[name]) for name in names] for row in rows)
    return written.getvalue()


# Amounts are text, so that they stay exact; they are ours and no formulas, also when they are negative.
_AMOUNT = re.compile(r"-?\d+(\.\d+)?")


def _cell(value: Any) -> Any:
    if isinstance(value, str) and _may_be_formula(value) and not _AMOUNT.fullmatch(value):
        return f"'{value}"
    return value


def _may_be_formula(value: str) -> bool:
    """Whether some spreadsheet may calculate it: they skip spaces, and take the wide forms of the signs for the signs."""
    first = normalize("NFKC", value.lstrip()[:1])
    return _CONTROL.match(value) is not None or first in {"=", "+", "-", "@"}


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadQuestion("time_zone", "not the name of a time zone, like Europe/Vienna") from None


def _moment(field: str, value: str, zone: tzinfo, *, after: bool) -> int:
    """A date or a moment in milliseconds; `after` a date is the beginning of the next day."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value) + timedelta(days=1 if after else 0)
            moment = datetime.combine(day, time(), zone)
        else:
            moment = datetime.fromisoformat(value)
        if not 1970 < moment.year < 2200:
            raise ValueError
        return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):  # no day follows the calendar's last one
        raise BadQuestion(
            field, "neither a date like 2026-11-20 nor a moment like 2026-11-20T12:00:00Z"
        ) from None
