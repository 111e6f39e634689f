"""Reading outcomes: what every turn's log promises, and what the store kept of it."""

from typing import Any

from sqlalchemy import Connection

from chat.planning.replay import replay
from store import turns
from store.ledger import entries
from store.ledger.entries import Entry
from store.local_user import LOCAL
from store.turns import Turn
from tests.palaver import Palaver
from tests.sse import Event, text_of

TERMINAL = {"turn.completed", "turn.failed", "turn.cancelled"}


def whole(events: list[Event]) -> list[Event]:
    """The same events, after checking that they are a whole and proper log."""
    types = [event.type for event in events]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert types[0] == "turn.started"
    assert types[-1] in TERMINAL, types
    assert sum(event_type in TERMINAL for event_type in types) == 1, types
    assert len({event.data["turn_id"] for event in events}) == 1
    open_part: str | None = None
    closed: set[str] = set()
    for event in events:
        match event.type:
            case "part.started":
                assert open_part is None, "parts do not interleave"
                open_part = event.data["part_id"]
                assert open_part not in closed
                closed.add(open_part)
            case "part.delta":
                assert event.data["part_id"] == open_part
                assert event.data["text"]
            case "part.ended":
                assert event.data["part_id"] == open_part
                open_part = None
            case _:
                pass
    assert open_part is None, "whatever opens, closes"
    return events


def notes(events: list[Event], name: str) -> list[dict[str, Any]]:
    """The data of all notes of that name."""
    return [event.data["data"] for event in events if event.type == "note" and event.data["name"] == name]


def answer_text(message: dict[str, Any]) -> str:
    """The text parts of a message as the API shows it."""
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


async def ledger(app: Palaver, turn_id: str) -> list[Entry]:
    """The upstream calls made for a turn."""
    return await app.deps.database.read(lambda connection: entries.of_turn(connection, LOCAL, turn_id))


async def stored(app: Palaver, turn_id: str) -> Turn:
    """The turn as it is in the store."""
    row = await app.deps.database.read(lambda connection: turns.get(connection, LOCAL, turn_id))
    assert row is not None
    return row


async def finished(app: Palaver, turn_id: str) -> tuple[list[Event], dict[str, Any]]:
    """Follow a turn to its end: its whole log and the turn. Checks that both tell the same."""
    events = whole(await app.follow(turn_id))
    turn = await app.turn(turn_id)
    assert turn["last_seq"] == events[-1].seq
    assert events[-1].type == f"turn.{turn['status']}"
    withdrawn = turn["error"] is not None and turn["error"]["code"] == "content_filtered"
    assert answer_text(turn["message"]) == ("" if withdrawn else text_of(events))
    return events, turn


async def rebuilt(app: Palaver, turn_id: str) -> tuple[bytes, str]:
    """The request of a turn, made again from what is stored; and the digest stored with it."""

    def read(connection: Connection) -> tuple[bytes, str]:
        turn = turns.get(connection, LOCAL, turn_id)
        assert turn is not None
        assert turn.plan is not None
        return replay(connection, turn).body, turn.plan["digest"]

    return await app.deps.database.read(read)
