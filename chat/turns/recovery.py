"""End a turn whose process died: keep the text its log has, and estimate its calls."""

from collections.abc import Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection

from chat.calls import ledger
from chat.runtime.runtime import Runtime
from chat.stream import events, notes
from chat.turns.finish import Ending, size_of, terminal_event
from chat.turns.outcome import Failed
from chat.turns.reported_end import reported_end
from context.messages import Part, ReasoningPart, TextPart, ToolPart
from context.planning.stored_plan import StoredPlan
from context.request import continuing
from store import events as store_events
from store import messages
from store.events import Batch
from store.ledger import entries, open_calls
from store.ledger.open_calls import OpenCall
from store.turns import Turn


async def recover(runtime: Runtime, turn: Turn, outcome: Failed) -> bool:
    """End a turn whose process is gone, with the parts its log has. False when it has ended meanwhile."""
    last, logged, quoted, left = await runtime.database.read(partial(_left_behind, turn=turn))
    parts, open_part = parts_of(logged)
    closing: list[events.Event] = [] if open_part is None else [events.PartEnded(part_id=open_part)]
    closing.append(terminal_event(outcome, None))
    first = last + 1
    payloads = [events.encode(event, seq=first + n, turn_id=turn.id) for n, event in enumerate(closing)]
    model = next((call.model for call in reversed(left) if call.purpose == "reply"), None)
    ending = Ending(
        turn=turn,
        outcome=outcome,
        parts=parts,
        size=await size_of(runtime, parts),
        model=model,
        tokens=None,
        cost=None,
        spent=_lost(left, logged, quoted, local=runtime.deployment.local),
        log_end=Batch(turn.id, first, payloads),
        unneeded_rounds=None,
        cache_state=None,
        recipe_write=None,
        reported=reported_end(runtime, turn, outcome, model=model, tokens=None, cost=None),
        now=runtime.clock.now(),
    )

    return await runtime.database.write(ending.write)


def _left_behind(
    connection: Connection, turn: Turn
) -> tuple[int, list[events.TurnEvent], int, list[OpenCall]]:
    """What a turn has left: its last sequence number, its events, the length of what it quotes, and its open calls."""
    logged: list[events.TurnEvent] = []
    last = 0
    while rows := store_events.after(connection, turn.owner_id, turn.id, last):
        last = rows[-1][0]
        logged += [event for _, payload in rows if (event := _decoded(payload)) is not None]
    return last, logged, _quoted(connection, turn), open_calls.of_turn(connection, turn.owner_id, turn.id)


def _decoded(payload: str) -> events.TurnEvent | None:
    """An event of the log; None for one that another version wrote."""
    try:
        return events.decode(payload)
    except msgspec.MsgspecError:
        return None


def _quoted(connection: Connection, turn: Turn) -> int:
    """Characters at the beginning of the log that are an earlier turn's, where this one continues its answer."""
    plan = StoredPlan.of(turn.plan)
    for block in () if plan is None else plan.recipe.recalled:
        message_id = continuing.message_of(block.id)
        if message_id is not None:
            stored = messages.get(connection, turn.owner_id, message_id)
            return 0 if stored is None else len(stored.message.text)
    return 0


def _lost(
    left: Sequence[OpenCall], logged: Sequence[events.TurnEvent], quoted: int, *, local: bool
) -> list[entries.Entry]:
    """Ledger rows of the calls a dead process left; the text received is ascribed to the newest call for the answer."""
    received = -quoted
    for event in logged:
        match event:
            case events.PartDelta():
                received += len(event.text)
            case events.PartStarted(kind="tool"):
                received = 0  # the text before it is in the row of an earlier call
            case events.Note() if isinstance(notes.from_event(event), notes.RetryNote | notes.DiscardNote):
                received = 0
            case _:
                pass
    received = max(0, received)
    newest = next((call.id for call in reversed(left) if call.purpose == "reply"), None)
    return [ledger.lost(call, received=received if call.id == newest else 0, local=local) for call in left]


def parts_of(logged: Sequence[events.TurnEvent]) -> tuple[tuple[Part, ...], str | None]:
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
            case events.PartDelta() if event.part_id in words:  # else its start is of another version
                words[event.part_id].append(event.text)
            case events.PartEnded():
                ended[event.part_id] = event
                open_part = None
            case events.Note():
                note = notes.from_event(event)
                if isinstance(note, notes.DiscardNote):
                    order = [id for id in order if id not in note.part_ids]
            case _:
                pass
    parts = tuple(part_of(kinds[id], "".join(words[id]), ended.get(id)) for id in order)
    return parts, open_part


def part_of(started: events.PartStarted, text: str, ended: events.PartEnded | None) -> Part:
    """The part that its events describe."""
    if started.kind == "text":
        return TextPart(text=text)
    if started.kind == "reasoning":
        return ReasoningPart(text=text, seconds=None if ended is None else ended.seconds)
    found = 0 if ended is None or ended.result is None else ended.result.get("found", 0)
    return ToolPart(name=started.name or "", query=str((started.input or {}).get("query", "")), found=found)
