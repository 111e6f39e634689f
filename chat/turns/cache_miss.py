"""Why a cache read that was estimated did not happen: a first word with the turn's end, the cause behind it.

    notice ...... from what is in memory, in the row that is written anyway
    explain ..... the request before is made again from its recipe and compared, block by block, with the one that was sent

Comparing reads one more window and happens only after a cache miss, when the turn has ended. What is said and stored are places,
names and ids, never words of a conversation.
"""

from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.calls.record import CallRecord
from chat.planning.replay import CannotReplay, replay
from chat.turns.turn import TurnWork
from context.audit import cache_audit
from context.audit.cache_audit import CacheMiss
from context.request import blocks, request
from context.request.blocks import Compared
from store import branches, messages, turns
from store.ledger import entries
from store.turns import Turn

log = structlog.get_logger()

MOST_ANSWERS = 3  # answers to one message whose requests are looked at, newest first
MOST_AT_ONCE = 4  # turns whose shortfalls are explained at a time: a provider that loses its cache makes all of them fall short


def forecast(work: TurnWork) -> CallRecord | None:
    """The call the plan foresaw: the first that began; those after it find what it cached."""
    planned = work.planning.planned
    sent = [one for one in work.calls if one.noted and planned and one.model == planned.recipe.model]
    return next((one for one in sent if one.accepted_upstream), sent[-1] if sent else None)


def notice(work: TurnWork) -> str | None:
    """The cause as far as it can be told without looking anything up; None when nothing fell short."""
    found = _checked(work)
    return None if found is None else _said(found)


async def explain(work: TurnWork) -> None:
    """Find the cause of a cache miss and write it into the ledger row of the call."""
    record = forecast(work)
    if record is None or _checked(work) is None:
        return
    async with work.runtime.database.reading() as connection:
        compared = await _compared(connection, work)
    found = _checked(work, compared)
    if found is None:
        return
    log.warning(
        "a foreseen cache read did not happen",
        cause=found.cause,
        detail=found.detail,
        expected=found.expected,
        actual_usage=found.actual_usage,
    )
    owner_id = work.turn.owner_id
    await work.runtime.database.write(
        partial(entries.explain, owner_id=owner_id, call_id=record.id, cache_miss=_said(found))
    )


def _said(found: CacheMiss) -> str:
    return f"{found.cause}: {found.detail}"


def _checked(work: TurnWork, compared: Compared | None = None) -> CacheMiss | None:
    record, planned, snapshot = forecast(work), work.planning.planned, work.planning.snapshot
    if record is None or planned is None or snapshot is None or not record.call.counted:
        return None
    recipe = planned.recipe
    return cache_audit.check(
        snapshot.cache_state(recipe.model),
        planned.sent,
        record.usage,
        started_at=record.created_at,
        compared=compared,
        asked=recipe.diagnose and recipe.previous_upstream_id is not None,
        diagnostics=record.call.decoder.diagnostics,
    )


async def _compared(connection: AsyncConnection, work: TurnWork) -> Compared | None:
    """The request beside the one that wrote what it was to read; None when that cannot be found or made again."""
    planned = work.planning.planned
    if planned is None or planned.sent.read is None or planned.sent.read_at is None:
        return None
    now, cache_breakpoints = blocks.blocks(
        planned.recipe, planned.prompt.text, planned.messages, summary=planned.summary
    )
    for turn_id in await _before(connection, work, planned.sent.read):
        turn = await turns.get(connection, work.turn.owner_id, turn_id)
        if turn is None or turn.id == work.turn.id or turn.plan is None:
            continue
        if turn.plan["recipe"]["model"] != planned.recipe.model:
            continue
        try:
            found = await _beside(connection, turn, now, cache_breakpoints, planned.sent.read_at)
        except (CannotReplay, ValueError):
            continue
        if found is not None:
            return found
    return None


async def _beside(
    connection: AsyncConnection,
    turn: Turn,
    now: tuple[blocks.Block, ...],
    cache_breakpoints: list[int],
    read_at: int,
) -> Compared | None:
    plan = turn.plan or {}
    made = await replay(connection, turn)
    before, _ = blocks.blocks(made.recipe, made.prompt, made.window, summary=made.summary)
    kept = plan.get("blocks")
    if kept is not None:
        sent = blocks.unpacked(kept)
    elif request.digest(made.body) == plan["digest"]:
        sent = tuple(one.digest for one in before)  # of a turn from before digests were kept
    else:
        return None
    return blocks.compare(before, sent, now, cache_breakpoints, read_at=read_at)


async def _before(connection: AsyncConnection, work: TurnWork, read: str) -> list[str]:
    """The turns whose requests may have written an entry, likeliest first: the cache state's last, and those that answered its message."""
    planned, snapshot, turn = work.planning.planned, work.planning.snapshot, work.turn
    if planned is None or snapshot is None:
        return []
    stored = snapshot.cache_states.get(planned.recipe.model)
    found = [] if stored is None else [stored.turn_id]
    _, _, asked = read.partition(":")  # the key of a message ends with its id
    if asked:
        answers = await branches.siblings(connection, turn.owner_id, turn.thread_id, {asked})
        for answer_id in answers.get(asked, [])[: -MOST_ANSWERS - 1 : -1]:
            answer = await messages.get(connection, turn.owner_id, answer_id)
            if answer is not None and answer.turn_id not in found:
                found.append(answer.turn_id)
    return found
