"""Explain a cache read that was planned and did not happen: a first cause with the turn's end, the full one behind it.

    notice ...... the cause as far as memory tells it, written with the call's ledger row
    explain ..... rebuild the request before from its recipe and compare it, block by block, with the one that was sent

Comparing reads one more window. It happens only after a cache miss, in a background job. What is logged and stored are places, names
and ids, never text of a conversation.
"""

from functools import partial

import structlog
from sqlalchemy import Connection

from chat.calls.record import CallRecord
from chat.planning.replay import CannotReplay, replay
from chat.turns.turn_work import TurnWork
from context.audit import cache_audit
from context.audit.cache_audit import CacheMiss
from context.planning.planned import Plan
from context.planning.stored_plan import StoredPlan
from context.request import blocks, request
from context.request.blocks import Compared
from store import branches, messages, turns
from store.ledger import entries
from store.turns import Turn

log = structlog.get_logger()

MOST_ANSWERS = 3  # answers to one message whose requests are looked at, newest first


def planned_call(work: TurnWork) -> CallRecord | None:
    """The call the plan estimated: the first that was accepted. Those after it read what it cached."""
    model = None if work.plan is None else work.plan.recipe.model
    sent = [call for call in work.calls if call.opened and call.model == model]
    return next((call for call in sent if call.accepted_upstream), sent[-1] if sent else None)


def notice(work: TurnWork) -> str | None:
    """The cause as far as it can be told without reading anything; None when there was no cache miss."""
    miss = _check(work)
    return None if miss is None else _words(miss)


async def explain(work: TurnWork) -> None:
    """Find the cause of a cache miss and write it into the ledger row of the call."""
    record = planned_call(work)
    if record is None or work.plan is None or _check(work) is None:
        return
    compared = await work.runtime.database.read(partial(_compare_with_earlier, work=work, plan=work.plan))
    miss = _check(work, compared)
    if miss is None:
        return
    log.warning(
        "cache.missed",
        cause=miss.cause,
        detail=miss.detail,
        expected=miss.expected,
        actual_usage=miss.actual_usage,
    )
    owner_id = work.turn.owner_id
    await work.runtime.database.write(
        partial(entries.explain, owner_id=owner_id, call_id=record.id, cache_miss=_words(miss))
    )


def _words(miss: CacheMiss) -> str:
    return f"{miss.cause}: {miss.detail}"


def _check(work: TurnWork, compared: Compared | None = None) -> CacheMiss | None:
    record, plan = planned_call(work), work.plan
    if record is None or plan is None or not record.call.counted:
        return None
    recipe = plan.recipe
    return cache_audit.check(
        work.planning.snapshot.cache_state(recipe.model),
        plan.cache_use,
        record.usage,
        started_at=record.created_at,
        compared=compared,
        diagnosed=recipe.diagnose and recipe.previous_upstream_id is not None,
        diagnostics=record.call.decoder.diagnostics,
    )


def _compare_with_earlier(connection: Connection, work: TurnWork, plan: Plan) -> Compared | None:
    """The request compared with the one that wrote what it was to read; None when that one cannot be found or rebuilt."""
    if plan.cache_use.read is None or plan.cache_use.read_at is None:
        return None
    now, cache_breakpoints = blocks.blocks(
        plan.recipe, plan.prompt.text, plan.messages, instructions=plan.instructions, summary=plan.summary
    )
    for turn_id in _earlier_turns(connection, work, plan, plan.cache_use.read):
        turn = turns.get(connection, work.turn.owner_id, turn_id)
        stored = None if turn is None else StoredPlan.of(turn.plan)
        if turn is None or stored is None or turn.id == work.turn.id:
            continue
        if stored.recipe.model != plan.recipe.model:
            continue
        try:
            compared = _compare(connection, turn, stored, now, cache_breakpoints, plan.cache_use.read_at)
        except (CannotReplay, ValueError):
            continue
        if compared is not None:
            return compared
    return None


def _compare(
    connection: Connection,
    turn: Turn,
    plan: StoredPlan,
    now: tuple[blocks.Block, ...],
    cache_breakpoints: list[int],
    read_at: int,
) -> Compared | None:
    """A request's blocks compared with those of an earlier turn. Raises CannotReplay, and ValueError for damaged digests."""
    rebuilt = replay(connection, turn)
    before, _ = blocks.blocks(
        rebuilt.recipe,
        rebuilt.prompt,
        rebuilt.window,
        instructions=rebuilt.instructions,
        summary=rebuilt.summary,
    )
    sent = plan.block_digests
    if sent is None:  # a turn from before block digests were stored
        if request.digest(rebuilt.body) != plan.digest:
            return None
        sent = tuple(block.digest for block in before)
    return blocks.compare(before, sent, now, cache_breakpoints, read_at=read_at)


def _earlier_turns(connection: Connection, work: TurnWork, plan: Plan, read: str) -> list[str]:
    """The turns whose requests may have written a cache entry, likeliest first: the cache state's last, and those that answered its message."""
    turn, stored = work.turn, work.planning.snapshot.cache_states.get(plan.recipe.model)
    turn_ids = [] if stored is None else [stored.turn_id]
    _, _, question_id = read.partition(":")  # the key of a message ends with its id
    if question_id:
        answers = branches.siblings(connection, turn.owner_id, turn.thread_id, {question_id})
        for answer_id in answers.get(question_id, [])[: -MOST_ANSWERS - 1 : -1]:
            answer = messages.get(connection, turn.owner_id, answer_id)
            if answer is not None and answer.turn_id not in turn_ids:
                turn_ids.append(answer.turn_id)
    return turn_ids
