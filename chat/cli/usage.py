"""`palaver usage`: what was used and paid, as a table, JSON or CSV. Asks no model, writes nothing, and may run beside a server."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chat.clock import rfc3339
from chat.config.settings import Settings
from chat.usage.compare import CannotTell, reading
from chat.usage.csv_export import FIGURES, as_csv, flat
from chat.usage.date_range import BadQuestion, Span, span
from chat.usage.queries import answer, cost_of, saved_of
from store.ledger.aggregates import DIMENSIONS, Dimension
from store.ledger.reports import Report, Sums

MOST = 10_000  # groups of one report


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A report and what it was asked for."""

    asked: Span
    by: tuple[Dimension, ...]
    report: Report
    top_model: str


async def look(settings: Settings, by: Sequence[str], since: str, zone: str, now: int) -> Found:
    """The usage of the whole deployment since a day, a moment or so many days (`30d`). Raises CannotTell."""
    named = tuple(one for one in DIMENSIONS if one in by)
    unknown = [one for one in by if one not in DIMENSIONS]
    if unknown:
        raise CannotTell(f"--by {unknown[0]}: there are {', '.join(DIMENSIONS)}.")
    try:
        asked = span(_start(since, now), None, zone, now)
    except BadQuestion as problem:
        raise CannotTell(f"--{'since' if problem.field == 'from' else 'zone'}: {problem}.") from None
    async with reading(settings) as connection:
        report = await answer(
            connection,
            asked,
            named,
            owner_id=None,
            only={},
            limit=MOST,
            top_model=settings.tiers["complex"],
        )
    return Found(asked=asked, by=named, report=report, top_model=settings.tiers["complex"])


def as_json(found: Found) -> str:
    """One object, as `GET /api/usage` has the same figures, flat."""
    return json.dumps(
        {
            "start": rfc3339(found.asked.start),
            "end": rfc3339(found.asked.end),
            "group_by": found.by,
            "groups": [flat(one, found.by) for one in found.report.groups],
            "more": found.report.more,
            "total": flat(found.report.total, ()),
            "top_model": found.top_model,
        },
        ensure_ascii=False,
        indent=2,
    )


def csv_of(found: Found) -> str:
    """The groups as CSV."""
    return as_csv([flat(one, found.by) for one in found.report.groups], [*found.by, *FIGURES])


def show(found: Found, console: Console) -> None:
    """Print a table with its total, and what was saved."""
    total = found.report.total
    if not total.calls:
        console.print("No calls in that time.")
        return
    table = Table(show_footer=True, header_style="bold", footer_style="bold")
    for number, name in enumerate(found.by or ("",)):
        table.add_column(name, footer="together" if number == 0 else "")
    cells = _cells(total)
    for name, cell in cells.items():
        table.add_column(name, footer=cell, justify="right")
    for one in found.report.groups or (total,):
        keys = ["—" if key is None else escape(key) for key in one.group] or ["all"]
        table.add_row(*keys, *_cells(one).values())
    console.print(table)
    if found.report.more:
        console.print(f"Only the first {MOST:,} groups are shown; the last line is over all.")
    saved = saved_of(total)
    if saved is not None:
        difference = f"${abs(float(saved)):,.2f} {'less' if saved.startswith('-') else 'more'} than was paid"
        console.print(
            f"Everything on {found.top_model} with nothing cached would have cost ${usd(total.on_top):,.2f}: {difference}."
        )


def usd(pico: int) -> float:
    """Picodollars as dollars to look at."""
    return pico / 1e12


def _cells(sums: Sums) -> dict[str, str]:
    used, quick = sums.usage, sums.first_token_ms
    share = f"{100 * used.cache_read / used.prompt:.0f}%" if used.prompt else "—"
    paid = "unpriced" if cost_of(sums) is None else f"${usd(sums.cost):,.4f}"
    if sums.unpriced and cost_of(sums) is not None:
        paid += f" + {sums.unpriced} unpriced"
    return {
        "calls": f"{sums.calls:,}",
        "failed": f"{sums.failed:,}" if sums.failed else "",
        "prompt": short(used.prompt),
        "cached": share,
        "output": short(used.output),
        "p50/p95 s": f"{quick['p50'] / 1000:.1f}/{quick['p95'] / 1000:.1f}" if quick else "—",
        "cost": paid,
    }


def short(count: int) -> str:
    """950, 12k, 3.4M: exact figures are in the JSON."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:.{1 if count < 10 * size else 0}f}{unit}"
    return str(count)


def _start(since: str, now: int) -> str:
    days = re.fullmatch(r"(\d{1,4})d", since)
    if days is None:
        return since
    return (datetime.fromtimestamp(now / 1000, UTC) - timedelta(days=int(days[1]))).isoformat()
