"""What threads cost, whether the caches did as foreseen, and what the same turns could have cost. Asks no model, writes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.settings import Settings
from context.catalog import lookup
from context.hindsight import Billed, hindsight
from context.policy import Policy
from context.pricing import PriceTable, Usage, price_table, usd
from store import messages, migrate, threads, turns, usage
from store.database import Database
from store.errors import StoreError
from store.messages import Step
from store.threads import Thread
from store.turns import Turn
from store.usage import Entry
from store.users import LOCAL

PURPOSES = ("reply", "summary", "title", "keepalive")
COMPARED = ("summary", "keepalive")  # side calls that another way to fill the prompt would make differently
KINDS = {
    "input": "not cached",
    "cache_read": "read",
    "cache_write_5m": "written, 5m",
    "cache_write_1h": "written, 1h",
    "output": "output",
}


class CannotTell(Exception):
    """Nothing can be said, for a reason an operator can do something about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Some calls together. `cost` in USD is that of the priced ones; `unpriced` and `estimated` count the others."""

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
class Foreseen:
    """What plans predicted and what was billed, over the turns that have both; `causes` of reads that did not happen."""

    turns: int = 0
    predicted: Usage = field(default_factory=Usage)
    billed: Usage = field(default_factory=Usage)
    causes: Counter[str] = field(default_factory=Counter)

    def plus(self, other: "Foreseen") -> "Foreseen":
        return Foreseen(
            turns=self.turns + other.turns,
            predicted=_together([self.predicted, other.predicted]),
            billed=_together([self.billed, other.billed]),
            causes=self.causes + other.causes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The turns of visible branches with their summaries and keep-alives: `paid`, the `least` possible, simple policies. In USD."""

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
    """What a thread, or several together, cost. `remarks` say why some of it is not compared."""

    name: str
    title: str | None
    spent: Mapping[str, Spent]
    foreseen: Foreseen
    compared: Compared | None
    remarks: tuple[str, ...] = ()

    @property
    def total(self) -> Spent:
        """Over all purposes."""
        total = Spent()
        for one in self.spent.values():
            total = total.plus(one)
        return total


async def examine(settings: Settings, thread_id: str | None, *, window: int) -> list[Costs]:
    """The costs of one thread, or of each (None). Raises CannotTell. Never migrates, and needs no lock: a server may run.

    `window` is the number of messages of the simple policies that keep so many.
    """
    _check_file(settings.database)
    database = Database(settings.database)
    policy = replace(Policy(), window_cap=settings.window_tokens)
    try:
        async with database.reading() as connection:
            await _check_revision(connection)
            if thread_id is None:
                ids = await usage.thread_ids(connection, LOCAL)
            else:
                ids = [thread_id]
            found = [
                await _costs(connection, one, policy=policy, reader=settings.model_simple, window=window)
                for one in ids
            ]
    except StoreError as problem:
        raise CannotTell(f"The database cannot be read: {problem}.") from None
    finally:
        await database.close()
    if thread_id is not None and found[0] is None:
        raise CannotTell(f"There is no thread {thread_id}, and nothing was ever paid for one of that name.")
    return [one for one in found if one is not None]


def together(costs: Sequence[Costs]) -> Costs:
    """The sum of several threads."""
    spent: dict[str, Spent] = {}
    foreseen, compared = Foreseen(), None
    for one in costs:
        for purpose, its in one.spent.items():
            spent[purpose] = spent.get(purpose, Spent()).plus(its)
        foreseen = foreseen.plus(one.foreseen)
        if one.compared is not None:
            compared = one.compared if compared is None else compared.plus(one.compared)
    left = sum(1 for one in costs if one.compared is None)
    remarks = (f"{left} of {len(costs)} are not compared.",) if left else ()
    name = f"{len(costs)} thread{'' if len(costs) == 1 else 's'}"
    return Costs(
        name=name, title="together", spent=spent, foreseen=foreseen, compared=compared, remarks=remarks
    )


def show(costs: Sequence[Costs], console: Console, *, total: bool) -> None:
    """Print one thread in full, or a line for each thread and their sum in full."""
    if total:
        console.print(_lines(costs))
    for one in [together(costs)] if total else costs:
        console.print(_whole(one))


def _check_file(url: str) -> None:
    """Opening a SQLite file that is not there would make one."""
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).is_file():
        raise CannotTell(f"There is no database at {path}.")


async def _check_revision(connection: AsyncConnection) -> None:
    revision, newest = await migrate.revision(connection), migrate.head()
    if revision != newest:
        raise CannotTell(
            f"The database is at revision {revision}, and this Palaver reads {newest}: `palaver migrate` updates it."
        )


async def _costs(
    connection: AsyncConnection, thread_id: str | None, *, policy: Policy, reader: str, window: int
) -> Costs | None:
    rows = await usage.of_thread(connection, LOCAL, thread_id)
    thread = None if thread_id is None else await threads.get(connection, LOCAL, thread_id)
    if thread is None and not rows:
        return None
    spent: dict[str, Spent] = {}
    for row in rows:
        spent[row.purpose] = spent.get(row.purpose, Spent()).plus(_spent(row))
    compared: Compared | None = None
    remarks: tuple[str, ...] = ("The thread was deleted; its calls are in the ledger still.",)
    if thread is not None:
        compared, remarks = await _compared(
            connection, thread, rows, policy=policy, reader=reader, window=window
        )
    return Costs(
        name=thread_id or "(no thread)",
        title=None if thread is None else thread.title,
        spent=spent,
        foreseen=_foreseen(rows),
        compared=compared,
        remarks=remarks,
    )


def _spent(row: Entry) -> Spent:
    unpriced = row.cost is None and row.usage.total > 0
    return Spent(
        calls=1,
        usage=row.usage,
        cost=row.cost or Decimal(0),
        unpriced=int(unpriced),
        estimated=int(row.estimated),
    )


def _foreseen(rows: Sequence[Entry]) -> Foreseen:
    found = Foreseen()
    for row in rows:
        if row.predicted is not None and not row.estimated and row.usage.total:
            found = found.plus(
                Foreseen(
                    turns=1,
                    predicted=Usage(**{kind: row.predicted.get(kind, 0) for kind in KINDS}),
                    billed=row.usage,
                    causes=Counter() if row.shortfall is None else Counter([row.shortfall.split(":")[0]]),
                )
            )
    return found


async def _compared(
    connection: AsyncConnection,
    thread: Thread,
    rows: Sequence[Entry],
    *,
    policy: Policy,
    reader: str,
    window: int,
) -> tuple[Compared | None, tuple[str, ...]]:
    if thread.leaf_id is None:
        return None, ("Nothing was said yet.",)
    path = await messages.steps(connection, LOCAL, thread.id, thread.leaf_id)
    plans = {turn.id: turn for turn in await turns.of_thread(connection, LOCAL, thread.id)}
    replies: dict[str, list[Entry]] = {}
    for row in rows:
        if row.purpose == "reply" and row.turn_id is not None:
            replies.setdefault(row.turn_id, []).append(row)
    taken = billed(path, plans, replies)
    here = {step.turn_id for step in path}
    counted = [row for row in rows if row.turn_id in here or row.purpose in COMPARED]
    counted = [row for row in counted if row.purpose in ("reply", *COMPARED)]
    elsewhere = [row for turn_id, its in replies.items() if turn_id not in here for row in its]
    remarks = []
    if elsewhere:
        cost = sum((row.cost or Decimal(0) for row in elsewhere), Decimal(0))
        remarks.append(f"{len(elsewhere)} calls on other branches (${_money(cost)}) are not compared.")
    if not taken:
        return None, (*remarks, "No turn of the visible branch was answered.")
    if any(row.cost is None and row.usage.total for row in counted):
        return None, (*remarks, "Some calls are unpriced, so nothing can be compared.")
    lanes = {turn.lane for turn in taken}
    when = taken[0].at
    tables = {lane: price_table(lane, now=when) for lane in lanes}
    summariser = next((row.model_asked for row in rows if row.purpose == "summary"), reader)
    cheap = price_table(summariser, now=when)
    known: dict[str, PriceTable] = {lane: table for lane, table in tables.items() if table is not None}
    if cheap is None or len(known) < len(tables) or not any(row.cost for row in counted):
        return None, (*remarks, "The models here have no price to compare with.")
    found = hindsight(
        taken,
        tables=known,
        minimums={lane: lookup(lane).min_cacheable for lane in lanes},
        reader=cheap,
        policy=policy,
        window=window,
    )
    paid = sum((row.cost or Decimal(0) for row in counted), Decimal(0))
    simple = {name: usd(amount) for name, amount in found.simple.items()}
    return Compared(turns=len(taken), paid=paid, least=usd(found.least), simple=simple), tuple(remarks)


def billed(
    path: Sequence[Step], plans: Mapping[str, Turn], replies: Mapping[str, Sequence[Entry]]
) -> list[Billed]:
    """The answered turns of a branch. What was said and never answered by a model counts to the question after it."""
    found: list[Billed] = []
    waiting = 0
    places = {step.id: index for index, step in enumerate(path)}
    before = [0]
    for step in path:
        before.append(before[-1] + step.tokens)
    for step in path:
        calls = [row for row in replies.get(step.turn_id, ()) if row.usage.total]
        turn = plans.get(step.turn_id)
        plan = None if turn is None else turn.plan
        if step.role == "user" or not calls or plan is None:
            waiting += step.tokens
            continue
        recipe = plan["recipe"]
        start = places.get(recipe["first_message_id"], 0)
        alone = len(calls) == 1 and not calls[0].estimated and not plan.get("rounds")
        epoch = [recipe.get(name) for name in ("summary_id", "prompt_digest", "thinking", "tools")]
        found.append(
            Billed(
                lane=recipe["model"],
                at=calls[-1].created_at,
                user=waiting,
                answer=step.tokens,
                prompt=calls[0].usage.prompt if alone else None,
                epoch=repr(epoch),
                start=start,
                folded=before[start],
                summary=plan.get("estimate", {}).get("summary", 0),
                recalled=bool(recipe.get("recalled")),
                answers=sum(_answer(row) for row in calls),
            )
        )
        waiting = 0
    return found


def _answer(row: Entry) -> int:
    """What the output of a call cost, in picodollars."""
    table = price_table(row.model_answered or row.model_asked, now=row.created_at)
    return 0 if table is None else table.at(row.usage.prompt).output * row.usage.output


def _together(found: Sequence[Usage]) -> Usage:
    return Usage(**{name: sum(getattr(one, name) for one in found) for name in Usage.__slots__})


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
    foreseen = costs.foreseen
    if foreseen.turns:
        parts += [_kinds(foreseen), _said(foreseen), ""]
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


def _kinds(foreseen: Foreseen) -> Table:
    table = _table("tokens", *KINDS.values())
    for name, used in (("predicted", foreseen.predicted), ("billed", foreseen.billed)):
        table.add_row(name, *(f"{getattr(used, kind):,}" for kind in KINDS))
    return table


def _said(foreseen: Foreseen) -> str:
    short = ", ".join(f"{cause} {count}" for cause, count in foreseen.causes.most_common())
    return (
        f"{foreseen.turns:,} turns were predicted and billed; cache reads fell short in {foreseen.causes.total():,}"
        + (f" ({escape(short)})." if short else ".")
    )


def _comparison(compared: Compared) -> Table:
    table = _table(f"the same {compared.turns:,} turns", "USD", "of what was paid")
    least, ratio = _against(compared)
    table.add_row("the least possible, knowing every pause", least, _times(compared.least, compared.paid))
    table.add_row(f"paid: {ratio} the least possible", f"{_money(compared.paid)}", "1.00x", style="bold")
    for name, cost in compared.simple.items():
        table.add_row(name, _money(cost), _times(cost, compared.paid))
    return table


def _against(compared: Compared) -> tuple[str, str]:
    return _money(compared.least), _times(compared.paid, compared.least)


def _times(cost: Decimal, other: Decimal) -> str:
    return f"{cost / other:.2f}x" if other else "-"


def _share(used: Usage) -> str:
    return f"{used.cache_read / used.prompt:.0%}" if used.prompt else "-"


def _paid(spent: Spent) -> str:
    notes = [f"{spent.unpriced} unpriced"] if spent.unpriced else []
    notes += [f"{spent.estimated} estimated"] if spent.estimated else []
    return _money(spent.cost) + (f" + {', '.join(notes)}" if notes else "")


def _money(cost: Decimal) -> str:
    """An exact amount; a sum of prices has no rounding to hide."""
    exact = format(cost.normalize(), "f")
    whole, _, cents = exact.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table
