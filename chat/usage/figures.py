"""Sums of ledger entries as values that can be added: what calls cost, estimates against actual usage, policies compared."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from context.models.pricing import Usage
from store.ledger.entries import Entry

KINDS = {
    "input": "not cached",
    "cache_read": "read",
    "cache_write_5m": "written, 5m",
    "cache_write_1h": "written, 1h",
    "output": "output",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The sum of some calls. `cost` in USD covers the priced ones; `unpriced` and `estimated` count the others."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    estimated: int = 0

    def plus(self, other: "Spent") -> "Spent":
        return Spent(
            calls=self.calls + other.calls,
            usage=_together([self.usage, other.usage]),
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
            estimated=self.estimated + other.estimated,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateCheck:
    """Estimated against actual usage, over the calls that have both; `causes` counts the causes of cache misses."""

    turns: int = 0
    estimated_usage: Usage = field(default_factory=Usage)
    actual_usage: Usage = field(default_factory=Usage)
    causes: Counter[str] = field(default_factory=Counter)

    def plus(self, other: "EstimateCheck") -> "EstimateCheck":
        return EstimateCheck(
            turns=self.turns + other.turns,
            estimated_usage=_together([self.estimated_usage, other.estimated_usage]),
            actual_usage=_together([self.actual_usage, other.actual_usage]),
            causes=self.causes + other.causes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The turns of visible branches with their summaries and keep-alives, in USD: `paid`, the `least` possible, simple policies."""

    turns: int
    paid: Decimal
    least: Decimal
    simple: Mapping[str, Decimal]

    def plus(self, other: "Compared") -> "Compared":
        return Compared(
            turns=self.turns + other.turns,
            paid=self.paid + other.paid,
            least=self.least + other.least,
            simple={name: cost + other.simple[name] for name, cost in self.simple.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The costs of a thread, or of several together. `remarks` say why some are not compared."""

    name: str
    title: str | None
    spent: Mapping[str, Spent]
    forecast: EstimateCheck
    compared: Compared | None
    remarks: tuple[str, ...] = ()

    @property
    def total(self) -> Spent:
        """Over all purposes."""
        total = Spent()
        for spent in self.spent.values():
            total = total.plus(spent)
        return total


def together(costs: Sequence[Costs]) -> Costs:
    """The sum of several threads."""
    spent: dict[str, Spent] = {}
    forecast, compared = EstimateCheck(), None
    for thread in costs:
        for purpose, calls in thread.spent.items():
            spent[purpose] = spent.get(purpose, Spent()).plus(calls)
        forecast = forecast.plus(thread.forecast)
        if thread.compared is not None:
            compared = thread.compared if compared is None else compared.plus(thread.compared)
    not_compared = sum(1 for thread in costs if thread.compared is None)
    remarks = (f"{not_compared} of {len(costs)} are not compared.",) if not_compared else ()
    name = f"{len(costs)} thread{'' if len(costs) == 1 else 's'}"
    return Costs(
        name=name, title="together", spent=spent, forecast=forecast, compared=compared, remarks=remarks
    )


def of_call(row: Entry) -> Spent:
    """One ledger entry as a sum."""
    unpriced = row.cost is None and row.usage.total > 0
    return Spent(
        calls=1,
        usage=row.usage,
        cost=row.cost or Decimal(0),
        unpriced=int(unpriced),
        estimated=int(row.estimated),
    )


def forecast(rows: Sequence[Entry]) -> EstimateCheck:
    """Compare estimated with actual usage, over the calls that have both."""
    check = EstimateCheck()
    for row in rows:
        if row.estimated_usage is not None and not row.estimated and row.usage.total:
            check = check.plus(
                EstimateCheck(
                    turns=1,
                    estimated_usage=Usage(**{kind: row.estimated_usage.get(kind, 0) for kind in KINDS}),
                    actual_usage=row.usage,
                    causes=Counter() if row.cache_miss is None else Counter([row.cache_miss.split(":")[0]]),
                )
            )
    return check


def _together(usages: Sequence[Usage]) -> Usage:
    return Usage(**{name: sum(getattr(usage, name) for usage in usages) for name in Usage.__slots__})
