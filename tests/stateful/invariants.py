"""What is true is compared with what the server says."""

from sqlalchemy import func, select

from store.tables import ledger_entries
from tests.palaver import Palaver
from tests.stateful.model import TERMINAL, ModelThread, ModelTurn, text_of


async def check_thread(app: Palaver, thread: ModelThread) -> None:
    """The page of a thread is the model's path."""
    if not thread.messages:
        return
    shown = await app.messages(thread.id, limit=200)
    path = thread.path()
    assert [(one["id"], one["parent_id"], one["role"]) for one in shown] == [
        (said.id, said.parent, said.role) for said in path
    ]
    for one, said in zip(shown, path, strict=True):
        assert one["sibling_ids"] == thread.children(said.parent)
        if said.text is not None:
            assert [part["text"] for part in one["parts"]] == [said.text]
    running = (await app.get(f"/api/threads/{thread.id}"))["running_turn_id"]
    assert running == (None if thread.running is None else thread.running.id)


async def check_turn(app: Palaver, turn: ModelTurn) -> None:
    """A turn that is over: its events, its answer and its ledger tell the same."""
    told, events = await app.turn(turn.id), [event.data for event in await app.follow(turn.id)]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["type"] == f"turn.{turn.status}" == f"turn.{told['status']}"
    for seq, event in turn.seen.items():
        assert events[seq - 1] == event, "a reader saw what the log does not have"
    parts = told["message"]["parts"]
    assert [part["text"] for part in parts] == text_of(events)
    answer = "".join(part["text"] for part in parts if part["type"] == "text")
    assert turn.plan.text.startswith(answer)
    if turn.interrupted:
        assert (told["error"]["code"], told["message"]["status"]) == ("interrupted", "interrupted")
    elif turn.status != "cancelled":
        assert answer == turn.plan.text
    await _examine_ledger(app, turn, heard=any(event["type"] == "part.delta" for event in events))


async def _examine_ledger(app: Palaver, turn: ModelTurn, *, heard: bool) -> None:
    """A call whose words were heard is in the ledger. Of a crashed process only what it had written can be."""
    rows = await app.deps.database.read(
        lambda connection: connection.scalar(
            select(func.count())
            .select_from(ledger_entries)
            .where(ledger_entries.c.turn_id == turn.id, ledger_entries.c.purpose == "reply")
        )
    )
    if not turn.crashed and (heard or turn.status == "completed"):
        assert rows == turn.plan.calls, "a call is missing in the ledger, or there twice"
