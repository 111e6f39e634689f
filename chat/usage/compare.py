"""Compare what threads cost with the least possible and with simpler policies. Calls no model, writes nothing, may run beside a server."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from chat.config.settings import Settings
from chat.usage.amounts import with_cents
from chat.usage.figures import Compared, Costs, Spent, forecast, of_call
from chat.usage.routing import routing_of
from context.audit.hindsight import AnsweredTurn, hindsight
from context.models.catalog import lookup
from context.models.pricing import PriceTable, price_table, usd
from context.planning.stored_plan import StoredPlan
from context.policy import Policy
from store import branches, migrate, threads, turns
from store.branches import Step
from store.database import Database, Work
from store.errors import StoreError
from store.ledger import entries
from store.ledger.entries import Entry
from store.threads import Thread
from store.turns import Turn

T = TypeVar("T")

COMPARED = ("summary", "keepalive")  # background calls that another policy would make differently


class CannotTell(Exception):
    """The database cannot be read or has no such thread; the message says what the operator can do."""


async def examine(settings: Settings, thread_id: str | None, *, window: int) -> list[Costs]:
    """The costs of one thread, or of each (None). Raises CannotTell.

    `window`: the number of messages that the simple policies send.
    """
    policy = replace(Policy(), window_cap=settings.window_tokens)

    def compare(connection: Connection) -> list[Costs]:
        pairs = entries.all_threads(connection, thread_id)
        if thread_id is not None and not pairs:
            pairs = [(owner, thread_id) for owner in threads.owners(connection, thread_id)]
        return [
            _costs(connection, owner, thread, settings=settings, policy=policy, window=window)
            for owner, thread in pairs
        ]

    costs = await read(settings, compare)
    if thread_id is not None and not costs:
        raise CannotTell(f"There is no thread {thread_id}, and the ledger has no calls of one.")
    return costs


async def read(settings: Settings, work: Work[T]) -> T:
    """Open the database and read from it, perhaps beside a server. Never migrates, and creates no file. Raises CannotTell."""
    return await _run(settings, work, Database.read)


async def write(settings: Settings, work: Work[T]) -> T:
    """The same for a small change that a server beside it takes up. Raises CannotTell."""
    return await _run(settings, work, Database.write)


async def _run(settings: Settings, work: Work[T], run: Callable[[Database, Work[T]], Awaitable[T]]) -> T:
    _check_file(settings.database)
    database = Database(settings.database)

    def checked(connection: Connection) -> T:
        _check_revision(connection)
        return work(connection)

    try:
        if database.dialect == "sqlite":
            migrate.check_sqlite()
        with migrate.connecting():
            return await run(database, checked)
    except StoreError as problem:
        raise CannotTell(f"The database cannot be used: {problem}.") from None
    finally:
        await database.close()


def _check_file(url: str) -> None:
    """Opening a SQLite file that does not exist would create it."""
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).is_file():
        raise CannotTell(f"There is no database at {path}.")


def _check_revision(connection: Connection) -> None:
    revision, newest = migrate.revision(connection), migrate.head()
    migrate.check_known(revision)
    if revision != newest:
        raise CannotTell(
            f"The database is at revision {revision}, and this Palaver reads {newest}: `palaver migrate` updates it."
        )


def _costs(
    connection: Connection,
    owner: str,
    thread_id: str | None,
    *,
    settings: Settings,
    policy: Policy,
    window: int,
) -> Costs:
    rows = entries.of_thread(connection, owner, thread_id)
    thread = None if thread_id is None else threads.get(connection, owner, thread_id)
    spent: dict[str, Spent] = {}
    for row in rows:
        spent[row.purpose] = spent.get(row.purpose, Spent()).plus(of_call(row))
    compared: Compared | None = None
    remarks: tuple[str, ...] = ("The thread was deleted; its calls are in the ledger still.",)
    if thread is not None:
        compared, remarks = _compared(
            connection, thread, rows, policy=policy, reader=settings.model_simple, window=window
        )
        remarks = (*remarks, *_routed(rows, settings))
    return Costs(
        name=thread_id or "(no thread)",
        title=None if thread is None else thread.title,
        spent=spent,
        forecast=forecast(rows),
        compared=compared,
        remarks=remarks,
    )


def _routed(rows: Sequence[Entry], settings: Settings) -> tuple[str, ...]:
    """What routing saved in a thread against its best single tier; nothing where one tier answered everything."""
    compared = routing_of(rows, settings.tiers)
    if compared is None or not compared.needed_more:
        return ()
    single, saved = with_cents(usd(compared.single)), compared.single - compared.paid
    remark = (
        f"Its best single tier that would have been good enough: ${single}, "
        f"${with_cents(usd(abs(saved)))} {'more' if saved >= 0 else 'less'} than with routing"
    )
    if compared.surplus:
        turns = (
            "1 turn that needed more"
            if compared.needed_more == 1
            else f"{compared.needed_more} turns that needed more"
        )
        remark = f"{remark}; ${with_cents(usd(compared.surplus))} of the cost is the price of {turns}"
    return (f"{remark}.",)


def _compared(
    connection: Connection,
    thread: Thread,
    rows: Sequence[Entry],
    *,
    policy: Policy,
    reader: str,
    window: int,
) -> tuple[Compared | None, tuple[str, ...]]:
    if thread.leaf_id is None:
        return None, ("It has no messages yet.",)
    path = branches.steps(connection, thread.owner_id, thread.id, thread.leaf_id)
    plans = {turn.id: turn for turn in turns.of_thread(connection, thread.owner_id, thread.id)}
    replies: dict[str, list[Entry]] = {}
    for row in rows:
        if row.purpose == "reply" and row.turn_id is not None:
            replies.setdefault(row.turn_id, []).append(row)
    answered = answered_turns(path, plans, replies)
    here = {step.turn_id for step in path}
    counted = [row for row in rows if row.turn_id in here or row.purpose in COMPARED]
    counted = [row for row in counted if row.purpose in ("reply", *COMPARED)]
    elsewhere = [row for turn_id, calls in replies.items() if turn_id not in here for row in calls]
    remarks = []
    if elsewhere:
        cost = sum((row.cost or Decimal(0) for row in elsewhere), Decimal(0))
        remarks.append(f"{len(elsewhere)} calls on other branches (${with_cents(cost)}) are not compared.")
    if not answered:
        return None, (*remarks, "No turn of the visible branch was answered.")
    if any(row.cost is None and row.usage.total for row in counted):
        return None, (*remarks, "Some calls are unpriced, so nothing can be compared.")
    models = {turn.model for turn in answered}
    when = answered[0].at
    tables = {model: price_table(model, now=when) for model in models}
    summarizer = next((row.requested_model for row in rows if row.purpose == "summary"), reader)
    cheap = price_table(summarizer, now=when)
    known: dict[str, PriceTable] = {model: table for model, table in tables.items() if table is not None}
    if cheap is None or len(known) < len(tables) or not any(row.cost for row in counted):
        return None, (*remarks, "The models here have no price to compare with.")
    comparison = hindsight(
        answered,
        tables=known,
        minimums={model: lookup(model).min_cacheable for model in models},
        summarizer=cheap,
        policy=policy,
        window=window,
    )
    paid = sum((row.cost or Decimal(0) for row in counted), Decimal(0))
    simple = {name: usd(amount) for name, amount in comparison.simple.items()}
    return Compared(turns=len(answered), paid=paid, least=usd(comparison.least), simple=simple), tuple(
        remarks
    )


def answered_turns(
    path: Sequence[Step], plans: Mapping[str, Turn], replies: Mapping[str, Sequence[Entry]]
) -> list[AnsweredTurn]:
    """The answered turns of a branch. Messages that no model answered count to the next question."""
    answered: list[AnsweredTurn] = []
    waiting = 0
    positions = {step.id: index for index, step in enumerate(path)}
    before = [0]
    for step in path:
        before.append(before[-1] + step.tokens)
    for step in path:
        calls = [row for row in replies.get(step.turn_id, ()) if row.usage.total]
        turn = plans.get(step.turn_id)
        plan = None if turn is None else StoredPlan.of(turn.plan)
        if step.role == "user" or not calls or plan is None:
            waiting += step.tokens
            continue
        recipe = plan.recipe
        start = positions.get(recipe.first_message_id, 0)
        alone = len(calls) == 1 and not calls[0].estimated and not plan.rounds
        epoch = (
            recipe.summary_id,
            recipe.prompt_digest,
            recipe.instructions_digest,
            recipe.thinking,
            recipe.tools,
        )
        answered.append(
            AnsweredTurn(
                model=recipe.model,
                at=calls[-1].created_at,
                user=waiting,
                answer=step.tokens,
                prompt=calls[0].usage.prompt if alone else None,
                epoch=repr(epoch),
                start=start,
                compacted=before[start],
                summary=plan.summary_tokens,
                recalled=bool(recipe.recalled),
                answers=sum(_answer(row) for row in calls),
                floor=plan.floor,
                spared=plan.floor_spared,
            )
        )
        waiting = 0
    return answered


def _answer(row: Entry) -> int:
    """What the output of a call cost, in picodollars."""
    table = price_table(row.response_model or row.requested_model, now=row.created_at)
    return 0 if table is None else table.at(row.usage.prompt).output * row.usage.output
