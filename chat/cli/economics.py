"""`palaver economics`: print actual cost, cache use, estimates, and what other policies would have cost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from chat.usage.amounts import with_cents
from chat.usage.figures import KINDS, Compared, Costs, EstimateCheck, Spent, together
from context.models.pricing import Usage

PURPOSES = ("reply", "summary", "title", "keepalive")

# Causes of cache misses as the ledger stores them (context.audit.cache_audit); unknown ones are printed as they are.
CAUSES: Mapping[str, str] = {
    "expired": "expired",
    "changed": "a block changed",
    "model_or_settings": "model or settings changed",
    "lookback": "outside the lookback window",
    "unknown": "cause unknown",
}


def show(costs: Sequence[Costs], console: Console, *, total: bool) -> None:
    """Print one thread in full, or a line for each thread and their sum in full."""
    if total:
        console.print(_overview(costs))
    for thread in [together(costs)] if total else costs:
        console.print(_details(thread))


def _overview(costs: Sequence[Costs]) -> Table:
    table = _table("thread", "turns", "cost, USD", "cache reads", "lower bound", "cost / bound")
    for thread in costs:
        replies = thread.spent.get("reply", Spent())
        least, ratio = ("-", "-") if thread.compared is None else _against(thread.compared)
        cost = _cost(thread.total)
        table.add_row(escape(thread.name), str(replies.calls), cost, _share(replies.usage), least, ratio)
    return table


def _details(costs: Costs) -> RenderableType:
    title = f"[bold]{escape(costs.name)}[/]" + (f"  {escape(costs.title)}" if costs.title else "")
    parts: list[RenderableType] = ["", title, "", _purposes(costs), ""]
    check = costs.forecast
    if check.turns:
        parts += [_kinds(check), _misses(check), ""]
    if costs.compared is not None:
        parts += [_comparison(costs.compared)]
    parts += [f"[dim]{escape(remark)}[/]" for remark in costs.remarks]
    return Group(*parts)


def _purposes(costs: Costs) -> Table:
    table = _table("purpose", "calls", "prompt tokens", "cache reads", "output tokens", "cost, USD")
    names = [*PURPOSES, *sorted(costs.spent.keys() - set(PURPOSES))]
    for name in names:
        if name in costs.spent:
            table.add_row(name, *_figures(costs.spent[name]))
    table.add_row("all", *_figures(costs.total), style="bold")
    return table


def _figures(spent: Spent) -> tuple[str, str, str, str, str]:
    used = spent.usage
    return f"{spent.calls:,}", f"{used.prompt:,}", _share(used), f"{used.output:,}", _cost(spent)


def _kinds(check: EstimateCheck) -> Table:
    table = _table("tokens", *KINDS.values())
    for name, used in (("estimated", check.estimated_usage), ("actual", check.actual_usage)):
        table.add_row(name, *(f"{getattr(used, kind):,}" for kind in KINDS))
    return table


def _misses(check: EstimateCheck) -> str:
    causes = ", ".join(f"{CAUSES.get(cause, cause)} {count}" for cause, count in check.causes.most_common())
    return (
        f"{check.turns:,} turns with an estimate and an actual count; turns with a cache miss: {check.causes.total():,}"
        + (f" ({escape(causes)})." if causes else ".")
    )


def _comparison(compared: Compared) -> Table:
    table = _table(f"the same {compared.turns:,} turns", "cost, USD", "of the actual cost")
    least, ratio = _against(compared)
    table.add_row(
        "lower bound, knowing every idle gap in advance", least, _times(compared.least, compared.paid)
    )
    table.add_row(f"actual: {ratio} the lower bound", with_cents(compared.paid), "1.00x", style="bold")
    for name, cost in compared.simple.items():
        table.add_row(name, with_cents(cost), _times(cost, compared.paid))
    return table


def _against(compared: Compared) -> tuple[str, str]:
    return with_cents(compared.least), _times(compared.paid, compared.least)


def _times(cost: Decimal, other: Decimal) -> str:
    return f"{cost / other:.2f}x" if other else "-"


def _share(used: Usage) -> str:
    return f"{used.cache_read / used.prompt:.0%}" if used.prompt else "-"


def _cost(spent: Spent) -> str:
    notes = [f"{spent.unpriced} unpriced"] if spent.unpriced else []
    notes += [f"{spent.estimated} estimated"] if spent.estimated else []
    return with_cents(spent.cost) + (f" + {', '.join(notes)}" if notes else "")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table
