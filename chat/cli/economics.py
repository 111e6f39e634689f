"""Costs as tables for a terminal."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from chat.usage.amounts import with_cents
from chat.usage.figures import KINDS, Compared, Costs, EstimateCheck, Spent, together
from context.models.pricing import Usage

PURPOSES = ("reply", "summary", "title", "keepalive")

# What the ledger calls the causes of reads that did not happen (context.audit.cache_audit); others are shown as they are.
CAUSES: Mapping[str, str] = {
    "expired": "expired",
    "changed": "a block changed",
    "model_or_settings": "model or settings changed",
    "lookback": "out of the lookback",
    "unknown": "cause unknown",
}


def show(costs: Sequence[Costs], console: Console, *, total: bool) -> None:
    """Print one thread in full, or a line for each thread and their sum in full."""
    if total:
        console.print(_lines(costs))
    for one in [together(costs)] if total else costs:
        console.print(_whole(one))


def _lines(costs: Sequence[Costs]) -> Table:
    table = _table("thread", "turns", "paid", "from cache", "least possible", "paid / least")
    for one in costs:
        replies = one.spent.get("reply", Spent())
        least, ratio = ("-", "-") if one.compared is None else _against(one.compared)
        paid = _paid(one.total)
        table.add_row(escape(one.name), str(replies.calls), paid, _share(replies.usage), least, ratio)
    return table


def _whole(costs: Costs) -> RenderableType:
    title = f"[bold]{escape(costs.name)}[/]" + (f"  {escape(costs.title)}" if costs.title else "")
    parts: list[RenderableType] = ["", title, "", _purposes(costs), ""]
    forecast = costs.forecast
    if forecast.turns:
        parts += [_kinds(forecast), _said(forecast), ""]
    if costs.compared is not None:
        parts += [_comparison(costs.compared)]
    parts += [f"[dim]{escape(remark)}[/]" for remark in costs.remarks]
    return Group(*parts)


def _purposes(costs: Costs) -> Table:
    table = _table("paid for", "calls", "prompt tokens", "from cache", "output tokens", "USD")
    names = [*PURPOSES, *sorted(costs.spent.keys() - set(PURPOSES))]
    for name in names:
        if name in costs.spent:
            one = costs.spent[name]
            table.add_row(name, *_figures(one))
    table.add_row("all", *_figures(costs.total), style="bold")
    return table


def _figures(spent: Spent) -> tuple[str, str, str, str, str]:
    used = spent.usage
    return f"{spent.calls:,}", f"{used.prompt:,}", _share(used), f"{used.output:,}", _paid(spent)


def _kinds(forecast: EstimateCheck) -> Table:
    table = _table("tokens", *KINDS.values())
    for name, used in (("estimated", forecast.estimated_usage), ("actual", forecast.actual_usage)):
        table.add_row(name, *(f"{getattr(used, kind):,}" for kind in KINDS))
    return table


def _said(forecast: EstimateCheck) -> str:
    short = ", ".join(f"{CAUSES.get(cause, cause)} {count}" for cause, count in forecast.causes.most_common())
    return (
        f"{forecast.turns:,} turns were predicted and billed; cache reads fell short in {forecast.causes.total():,}"
        + (f" ({escape(short)})." if short else ".")
    )


def _comparison(compared: Compared) -> Table:
    table = _table(f"the same {compared.turns:,} turns", "USD", "of what was paid")
    least, ratio = _against(compared)
    table.add_row("the least possible, knowing every pause", least, _times(compared.least, compared.paid))
    table.add_row(f"paid: {ratio} the least possible", f"{with_cents(compared.paid)}", "1.00x", style="bold")
    for name, cost in compared.simple.items():
        table.add_row(name, with_cents(cost), _times(cost, compared.paid))
    return table


def _against(compared: Compared) -> tuple[str, str]:
    return with_cents(compared.least), _times(compared.paid, compared.least)


def _times(cost: Decimal, other: Decimal) -> str:
    return f"{cost / other:.2f}x" if other else "-"


def _share(used: Usage) -> str:
    return f"{used.cache_read / used.prompt:.0%}" if used.prompt else "-"


def _paid(spent: Spent) -> str:
    notes = [f"{spent.unpriced} unpriced"] if spent.unpriced else []
    notes += [f"{spent.estimated} estimated"] if spent.estimated else []
    return with_cents(spent.cost) + (f" + {', '.join(notes)}" if notes else "")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table
