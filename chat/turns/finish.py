"""End a turn: write answer, usage, status and terminal event in one transaction, exactly once.

What is only useful (search index, cache state, learned sizes) is written in savepoints of the same transaction: when it fails, the
answer is kept all the same, and the log names what was left out (`turn.write_skipped`). The search index is completed at the next start.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar, assert_never

import msgspec
import structlog
from sqlalchemy import Connection

from chat.calls import ledger
from chat.calls.ledger import entry, total
from chat.planning.thread_snapshot import ThreadSnapshot
from chat.runtime.runtime import Runtime
from chat.stream import events
from chat.turns.cache_miss import notice, planned_call
from chat.turns.cache_update import CacheUpdate, cache_update
from chat.turns.outcome import Cancelled, Completed, Failed, Outcome
from chat.turns.reported_end import reported_end
from chat.turns.turn_work import TurnWork
from context.messages import Message, Part, Status, TextPart
from store import event_rounds, messages, threads, turns, webhook_deliveries
from store import events as store_events
from store.database import Work
from store.errors import StoreError
from store.events import Batch
from store.ledger import entries
from store.savepoint import attempt_each
from store.search import messages as search
from store.turns import Turn, TurnStatus
from store.webhook_deliveries import NewDelivery

log = structlog.get_logger()

T = TypeVar("T")


async def finish(work: TurnWork, outcome: Outcome) -> bool:
    """Write the end of a turn and show it. False when another process ended it before; then only the calls are recorded."""
    work.answer_builder.end_answer()
    if _refused(outcome):
        with suppress(StoreError):  # the journal adds an event also when it raises for an earlier one
            work.answer_builder.discard()
    # From here nobody, not even the title task, may add an event: nothing follows the terminal event or takes its number.
    work.journal.close()
    await work.journal.settle()
    spent = _spent(work)
    tokens, cost = total(spent)
    parts = tuple(work.answer_builder.parts)
    log_end = work.journal.ending(terminal_event(outcome, tokens))
    update = _or_none("cache_state", partial(cache_update, work))
    # Its configured name: the provider answers an alias with the id of the model behind it.
    model = next((record.model for record in reversed(work.calls) if record.call.model), None)
    ending = Ending(
        turn=work.turn,
        outcome=outcome,
        parts=parts,
        size=await size_of(work.runtime, parts),
        model=model,
        tokens=tokens,
        cost=cost,
        spent=spent,
        log_end=log_end,
        unneeded_rounds=work.journal.unneeded_rounds,
        cache_state=update,
        recipe_write=work.recipe_write,
        reported=reported_end(work.runtime, work.turn, outcome, model=model, tokens=tokens, cost=cost),
        now=work.runtime.clock.now(),
    )
    snapshot_after = (
        None if update is None else _or_none("snapshot_after", partial(_snapshot_after, work, ending, update))
    )
    ended = await work.runtime.database.write(ending.write)
    work.journal.ended()
    if ended:
        work.journal.show_ending(log_end)
        if update is not None:
            update.adopt()
        work.snapshot_after = snapshot_after
    else:
        await record_calls(work)
    return ended


def _snapshot_after(work: TurnWork, ending: "Ending", update: CacheUpdate) -> ThreadSnapshot:
    """The thread as the turn leaves it: what was read at its start, with what has been stored at its end."""
    snapshot = work.planning.snapshot
    gaps = update.with_gap(snapshot.global_gaps(update.cache_state.model))
    return snapshot.with_answer(ending.answer(snapshot.path[-1]), update.stored, gaps)


async def record_calls(work: TurnWork) -> None:
    """Write the ledger rows of a turn that another process ended: that process could only estimate them."""
    await work.runtime.database.write(partial(ledger.keep, rows=_spent(work)))


def _spent(work: TurnWork) -> list[entries.Entry]:
    """The ledger rows of a turn's calls; the planned call with its estimate and the cache miss, if there was one."""
    sent = [record for record in work.calls if record.opened]
    rows = [entry(record, local=work.runtime.deployment.local) for record in sent]
    first = planned_call(work)
    if first is not None:
        index = sent.index(first)
        explained = _or_none("estimated_usage", partial(_explained, work, rows[index]))
        rows[index] = explained or rows[index]
    return rows


def _explained(work: TurnWork, row: entries.Entry) -> entries.Entry | None:
    """The ledger row of the planned call with the plan's estimate and the cause of a cache miss."""
    if work.plan is None:
        return None
    return replace(row, estimated_usage=work.plan.to_json()["estimated_usage"], cache_miss=notice(work))


def _or_none(name: str, compute: Callable[[], T]) -> T | None:
    """What `compute` returns; None, and a line in the log, when it fails: the answer is kept without it."""
    try:
        return compute()
    except Exception:
        log.exception("turn.write_skipped", what=name)
        return None


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


async def size_of(runtime: Runtime, parts: Sequence[Part]) -> int:
    """Tokens of an answer's text; a cautious guess where the tokenizer fails."""
    text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
    if not text:
        return 0
    try:
        await runtime.sizes.prepare([text])
        return runtime.sizes.count(text)
    except Exception:
        log.exception("turn.write_skipped", what="token_count")
        return len(text.encode()) // 3 + 1


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


def _refused(outcome: Outcome) -> bool:
    """Whether the provider refused, so that the text so far must not be kept."""
    return isinstance(outcome, Failed) and outcome.refused


class Ending(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that is written when a turn ends. `size`: tokens of the answer's text; `tokens`: what the turn's calls used.

    `log_end`: the events that the turn's log has not, the last of them the terminal one; `unneeded_rounds`: up to which number rounds of
    events are removed with it (`chat.stream.event_storage`). `recipe_write`: stores the recipe of a request that was never sent, for the context report.
    `reported`: the deliveries to webhooks.
    """

    turn: Turn
    outcome: Outcome
    parts: tuple[Part, ...]
    size: int
    model: str | None
    tokens: events.TokenUsage | None
    cost: Decimal | None
    spent: list[entries.Entry]
    log_end: Batch
    unneeded_rounds: int | None
    cache_state: CacheUpdate | None
    recipe_write: Work[None] | None
    reported: list[NewDelivery]
    now: int

    def answer(self, question: Message) -> Message:
        """The answer as it is stored."""
        return Message(
            id=self.turn.message_id,
            parent_id=question.id,
            role="assistant",
            status=_statuses(self.outcome)[1],
            parts=self.parts,
            depth=question.depth + 1,
            tokens=self.size,
            refused=_refused(self.outcome),
        )

    def write(self, connection: Connection) -> bool:
        turn, outcome = self.turn, self.outcome
        status, message_status = _statuses(outcome)
        error = msgspec.to_builtins(outcome.error) if isinstance(outcome, Failed) else None
        counted: dict[str, Any] | None = None if self.tokens is None else msgspec.to_builtins(self.tokens)
        ended = turns.finish(
            connection,
            turn.owner_id,
            turn.id,
            status=status,
            usage=counted,
            error=error,
            last_seq=self.log_end.last_seq,
            now=self.now,
        )
        if not ended:
            # A COMMIT whose answer was lost has stored this very end: then this call is the repetition.
            return store_events.holds(connection, self.log_end.rows[-1:])
        store_events.append_rest(connection, self.log_end)
        if self.unneeded_rounds is not None:
            event_rounds.remove(connection, self.unneeded_rounds)
        answer = messages.finish(
            connection,
            turn.owner_id,
            turn.message_id,
            messages.FinishedAnswer(
                status=message_status,
                parts=self.parts,
                tokens=self.size,
                refused=_refused(outcome),
                model=self.model,
                finish_reason=outcome.finish_reason if isinstance(outcome, Completed) else None,
                error=error,
                usage=counted,
                cost_usd=None if self.cost is None else format(self.cost, "f"),
            ),
            index=False,
        )
        threads.change(connection, turn.owner_id, turn.thread_id, answered_pk=answer.pk, updated_at=self.now)
        extras: dict[str, Callable[[Connection], None]] = {
            "search_index": partial(search.index, message=answer, parts=self.parts, new=True)
        }
        if self.recipe_write is not None:
            extras["recipe"] = self.recipe_write
        if self.cache_state is not None:
            extras |= self.cache_state.writes
        for name, failure in attempt_each(connection, extras).items():
            log.error("turn.write_skipped", what=name, turn_id=turn.id, exc_info=failure)
        webhook_deliveries.add(connection, self.reported)
        ledger.keep(connection, self.spent)  # last: all turns wait for the counters it locks
        return True
