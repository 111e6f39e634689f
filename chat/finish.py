"""Ending a turn: answer, usage, status and terminal event in one transaction, exactly once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, assert_never

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from chat import events, ledger
from chat.clock import Clock
from chat.deployment import Deployment
from chat.lane import LaneChange, lane_change, shortfall
from chat.ledger import entry, total
from chat.turn import Cancelled, Completed, Failed, Outcome, TurnWork
from context.messages import Part, ReasoningPart, Status, TextPart, ToolPart
from store import calls, messages, threads, turns, usage
from store import events as store_events
from store.calls import OpenCall
from store.database import Database
from store.errors import StoreError
from store.turns import Turn, TurnStatus


async def finish(work: TurnWork, outcome: Outcome) -> bool:
    """Write the end of a turn and show it. False when another process ended it before; then nothing was changed."""
    refused = isinstance(outcome, Failed) and outcome.refused
    work.draft.end()
    if refused:
        with suppress(StoreError):  # the journal takes an event also when it raises for an earlier one
            work.draft.discard()
    await work.journal.settle()
    spent = _spent(work)
    tokens, cost = total(spent)
    seq, payload = work.journal.close_with(terminal_event(outcome, tokens))
    ended = await work.database.write(
        _Ending(
            turn=work.turn,
            outcome=outcome,
            parts=tuple(work.draft.parts),
            deployment=work.deployment,
            model=next((record.call.model for record in reversed(work.calls) if record.call.model), None),
            tokens=tokens,
            cost=cost,
            spent=spent,
            seq=seq,
            payload=payload,
            lane=lane_change(work),
            now=work.clock.now(),
        ).write
    )
    if ended:
        work.journal.show_last(seq, payload)
    else:
        await record_calls(work)
    return ended


async def record_calls(work: TurnWork) -> None:
    """Write what the calls of a turn used that somebody else ended: its new owner could only estimate it."""
    await work.database.write(partial(ledger.keep, rows=_spent(work)))


def _spent(work: TurnWork) -> list[usage.Entry]:
    """The ledger rows of a turn's calls; the first that began with what the plan foresaw: later ones find what it cached."""
    sent = [record for record in work.calls if record.noted]
    rows = [entry(record, local=work.deployment.caller.local) for record in sent]
    planned = work.planning.planned
    foreseen = [] if planned is None else [one for one in sent if one.model == planned.recipe.model]
    if planned is not None and foreseen:
        first = next((one for one in foreseen if one.begun), foreseen[-1])
        index = sent.index(first)
        predicted = planned.to_json()["predicted"]
        rows[index] = replace(
            rows[index], predicted=predicted, shortfall=shortfall(work, first, rows[index].usage)
        )
    return rows


async def recover(
    database: Database, deployment: Deployment, clock: Clock, turn: Turn, outcome: Failed
) -> bool:
    """End a turn whose process is gone, keeping what its log says was said."""
    logged: list[events.TurnEvent] = []
    async with database.reading() as connection:
        while found := await store_events.after(connection, turn.owner_id, turn.id, len(logged)):
            logged += [events.decode(payload) for _, payload in found]
        left = await calls.of_turn(connection, turn.owner_id, turn.id)
    parts, open_part = told(logged)
    closing: list[events.Event] = [] if open_part is None else [events.PartEnded(part_id=open_part)]
    closing.append(terminal_event(outcome, None))
    first = len(logged) + 1
    payloads = [events.encode(event, seq=first + n, turn_id=turn.id) for n, event in enumerate(closing)]
    ending = _Ending(
        turn=turn,
        outcome=outcome,
        parts=parts,
        deployment=deployment,
        model=None,
        tokens=None,
        cost=None,
        spent=_lost(left, logged, local=deployment.caller.local),
        seq=first + len(closing) - 1,
        payload=payloads[-1],
        lane=None,
        now=clock.now(),
    )

    async def write(connection: AsyncConnection) -> bool:
        if not await ending.write(connection):
            return False
        if payloads[:-1]:
            await connection.execute(store_events.APPEND, store_events.rows(turn.id, first, payloads[:-1]))
        return True

    return await database.write(write)


def _lost(left: Sequence[OpenCall], logged: Sequence[events.TurnEvent], *, local: bool) -> list[usage.Entry]:
    """Rows of the calls a dead process left; what was heard is ascribed to the newest call for the answer."""
    heard = sum(len(event.text) for event in logged if isinstance(event, events.PartDelta))
    speaking = next((call.id for call in reversed(left) if call.purpose == "reply"), None)
    return [ledger.lost(call, heard=heard if call.id == speaking else 0, local=local) for call in left]


def told(logged: Sequence[events.TurnEvent]) -> tuple[tuple[Part, ...], str | None]:
    """The parts a log adds up to, and the id of the part that was never ended."""
    order: list[str] = []
    kinds: dict[str, events.PartStarted] = {}
    words: dict[str, list[str]] = {}
    ended: dict[str, events.PartEnded] = {}
    open_part: str | None = None
    for event in logged:
        match event:
            case events.PartStarted():
                order.append(event.part_id)
                kinds[event.part_id], words[event.part_id] = event, []
                open_part = event.part_id
            case events.PartDelta():
                words[event.part_id].append(event.text)
            case events.PartEnded():
                ended[event.part_id] = event
                open_part = None
            case events.Note(name="discard"):
                order = [id for id in order if id not in event.data["part_ids"]]
            case _:
                pass
    parts = tuple(part_of(kinds[id], "".join(words[id]), ended.get(id)) for id in order)
    return parts, open_part


def part_of(started: events.PartStarted, text: str, ended: events.PartEnded | None) -> Part:
    """A part as its events tell it."""
    if started.kind == "text":
        return TextPart(text=text)
    if started.kind == "reasoning":
        return ReasoningPart(text=text, seconds=None if ended is None else ended.seconds)
    found = 0 if ended is None or ended.result is None else ended.result.get("found", 0)
    return ToolPart(name=started.name or "", query=str((started.input or {}).get("query", "")), found=found)


def terminal_event(outcome: Outcome, tokens: events.TokenUsage | None) -> events.Event:
    """The one event that ends a turn's log."""
    match outcome:
        case Completed():
            none = events.TokenUsage(input_tokens=0, output_tokens=0, total_tokens=0)
            return events.TurnCompleted(finish_reason=outcome.finish_reason, usage=tokens or none)
        case Failed():
            return events.TurnFailed(error=outcome.error, usage=tokens)
        case Cancelled():
            return events.TurnCancelled(reason=outcome.reason, usage=tokens)
        case _:
            assert_never(outcome)


def _statuses(outcome: Outcome) -> tuple[TurnStatus, Status]:
    match outcome:
        case Completed():
            return "completed", "complete"
        case Failed():
            return "failed", "interrupted" if outcome.error.code == "interrupted" else "failed"
        case Cancelled():
            return "cancelled", "cancelled"
        case _:
            assert_never(outcome)


class _Ending(msgspec.Struct, kw_only=True, frozen=True):
    """All that is written when a turn ends."""

    turn: Turn
    outcome: Outcome
    parts: tuple[Part, ...]
    deployment: Deployment
    model: str | None
    tokens: events.TokenUsage | None
    cost: Decimal | None
    spent: list[usage.Entry]
    seq: int
    payload: str
    lane: LaneChange | None
    now: int

    async def write(self, connection: AsyncConnection) -> bool:
        turn, outcome = self.turn, self.outcome
        status, message_status = _statuses(outcome)
        error = msgspec.to_builtins(outcome.error) if isinstance(outcome, Failed) else None
        counted: dict[str, Any] | None = None if self.tokens is None else msgspec.to_builtins(self.tokens)
        ended = await turns.finish(
            connection,
            turn.owner_id,
            turn.id,
            status=status,
            usage=counted,
            error=error,
            last_seq=self.seq,
            now=self.now,
        )
        if not ended:
            return False
        await connection.execute(store_events.APPEND, store_events.rows(turn.id, self.seq, [self.payload]))
        text = "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))
        pk = await messages.finish(
            connection,
            turn.owner_id,
            turn.message_id,
            status=message_status,
            parts=self.parts,
            tokens=self.deployment.sizes.count(text) if text else 0,
            refused=isinstance(outcome, Failed) and outcome.refused,
            model=self.model,
            finish_reason=outcome.finish_reason if isinstance(outcome, Completed) else None,
            error=error,
            usage=counted,
            cost_usd=None if self.cost is None else format(self.cost, "f"),
        )
        await threads.change(connection, turn.owner_id, turn.thread_id, answered_pk=pk, updated_at=self.now)
        if self.lane is not None:
            await self.lane.write(connection)
        await ledger.keep(connection, self.spent)  # last: everybody's turns wait for the counters it locks
        return True
