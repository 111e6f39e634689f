"""`palaver usage`: tokens and cost as a table, JSON or CSV. Calls no model, writes nothing, and may run beside a server."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chat.clock import rfc3339
from chat.config.settings import Settings
from chat.usage.compare import CannotTell, read
from chat.usage.csv_export import FIGURES, as_csv, flat
from chat.usage.date_range import BadQuestion, Span, span
from chat.usage.queries import answer, cost_of, saved_of
from store.ledger.aggregates import DIMENSIONS, Dimension
from store.ledger.reports import Report, Sums

MAX_GROUPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """A report with the dates and dimensions it covers."""

    dates: Span
    by: tuple[Dimension, ...]
    report: Report
    top_model: str


async def look(settings: Settings, by: Sequence[str], since: str, zone: str, now: int) -> UsageReport:
    """The usage of the whole deployment since a day, a time or a number of days (`30d`). Raises CannotTell."""
    dimensions = tuple(name for name in DIMENSIONS if name in by)
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown:
        raise CannotTell(f"--by {unknown[0]}: not one of {', '.join(DIMENSIONS)}.")
    try:
        dates = span(_start(since, now), None, zone, now)
    except BadQuestion as problem:
        raise CannotTell(f"--{'since' if problem.field == 'from' else 'zone'}: {problem}.") from None
    report = await read(
        settings,
        partial(
            answer,
            span=dates,
            by=dimensions,
            owner_id=None,
            only={},
            limit=MAX_GROUPS,
            top_model=settings.tiers["complex"],
        ),
    )
    return UsageReport(dates=dates, by=dimensions, report=report, top_model=settings.tiers["complex"])


def as_json(usage: UsageReport) -> str:
    """One object with the same fields as the CSV in each group."""
    return json.dumps(
        {
            "start": rfc3339(usage.dates.start),
            "end": rfc3339(usage.dates.end),
            "group_by": usage.by,
            "groups": [flat(group, usage.by) for group in usage.report.groups],
            "more": usage.report.more,
            "total": flat(usage.report.total, ()),
            "top_model": usage.top_model,
        },
        ensure_ascii=False,
        indent=2,
    )


def csv_of(usage: UsageReport) -> str:
    """The groups as CSV."""
    return as_csv([flat(group, usage.by) for group in usage.report.groups], [*usage.by, *FIGURES])


def show(usage: UsageReport, console: Console) -> None:
    """Print a table with its total, and what routing and caching saved."""
    total = usage.report.total
    if not total.calls:
        console.print("No calls between these dates.")
        return
    table = Table(show_footer=True, header_style="bold", footer_style="bold")
    for number, name in enumerate(usage.by or ("",)):
        table.add_column(name, footer="total" if number == 0 else "")
    cells = _cells(total)
    for name, cell in cells.items():
        table.add_column(name, footer=cell, justify="right")
    for group in usage.report.groups or (total,):
        keys = ["—" if key is None else escape(key) for key in group.group] or ["all"]
        table.add_row(*keys, *_cells(group).values())
    console.print(table)
    if usage.report.more:
        console.print(f"Only the first {MAX_GROUPS:,} groups are shown; the total counts all.")
    saved = saved_of(total)
    if saved is not None:
        difference = (
            f"${abs(float(saved)):,.2f} {'less' if saved.startswith('-') else 'more'} than the actual cost"
        )
        console.print(
            f"With {usage.top_model} for every call and no cache: ${usd(total.on_top):,.2f}, {difference}."
        )


def usd(pico: int) -> float:
    """Picodollars as dollars, rounded for display."""
    return pico / 1e12


def _cells(sums: Sums) -> dict[str, str]:
    used, latency = sums.usage, sums.first_token_ms
    share = f"{100 * used.cache_read / used.prompt:.0f}%" if used.prompt else "—"
    cost = "unpriced" if cost_of(sums) is None else f"${usd(sums.cost):,.4f}"
    if sums.unpriced and cost_of(sums) is not None:
        cost += f" + {sums.unpriced} unpriced"
    return {
        "calls": f"{sums.calls:,}",
        "failed": f"{sums.failed:,}" if sums.failed else "",
        "prompt": short(used.prompt),
        "cache reads": share,
        "output": short(used.output),
        "first token, s\nmedian / 95th": f"{latency['p50'] / 1000:.1f} / {latency['p95'] / 1000:.1f}"
        if latency
        else "—",
        "cost": cost,
    }


def short(count: int) -> str:
    """950, 12k, 3.4M. Exact counts are in the JSON."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f}{unit}"
    return str(count)


def _start(since: str, now: int) -> str:
    days = re.fullmatch(r"(\d{1,4})d", since)
    if days is None:
        return since
    return (datetime.fromtimestamp(now / 1000, UTC) - timedelta(days=int(days[1]))).isoformat()
