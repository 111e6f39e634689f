"""Notes on the wire: a closed set of names, each with its fields."""

import json
from typing import Any

import pytest

from chat.stream import events, notes
from chat.stream.notes import (
    BudgetNote,
    CascadeNote,
    DiscardNote,
    FallbackNote,
    QueueNote,
    RetryNote,
    RouteNote,
    StorageDelayNote,
    TitleNote,
    UpstreamDisconnectNote,
)

WIRE: list[tuple[notes.AnyNote, dict[str, Any]]] = [
    (RouteNote(model="m", label="M", tier=None, reason="r"), {"model": "m", "label": "M", "tier": None, "reason": "r"}),
    (QueueNote(position=3), {"position": 3}),
    (RetryNote(attempt=2, delay=0.5, reason="overloaded"), {"attempt": 2, "delay": 0.5, "reason": "overloaded"}),
    (FallbackNote(from_="a", to="b", reason="r"), {"from": "a", "to": "b", "reason": "r"}),
    (FallbackNote(from_="a", to="b", reason="r", asked="a"), {"from": "a", "to": "b", "reason": "r", "asked": "a"}),
    (CascadeNote(from_="a", to="b", tier="complex", reason="r"), {"from": "a", "to": "b", "tier": "complex", "reason": "r"}),
    (BudgetNote(reason="r", model="m", tier="simple", max_tokens=5), {"reason": "r", "model": "m", "tier": "simple", "max_tokens": 5}),
    (DiscardNote(part_ids=("p1", "p2")), {"part_ids": ["p1", "p2"]}),
    (UpstreamDisconnectNote(ending="timeout"), {"ending": "timeout"}),
    (TitleNote(title="t"), {"title": "t"}),
    (StorageDelayNote(seconds=7.5), {"seconds": 7.5}),
]  # fmt: skip


@pytest.mark.parametrize(("note", "data"), WIRE, ids=lambda value: getattr(value, "name", ""))
def test_a_note_is_its_name_and_its_fields_and_comes_back_as_it_was(
    note: notes.AnyNote, data: dict[str, Any]
) -> None:
    payload = events.encode(notes.to_event(note), seq=4, turn_id="t")
    assert json.loads(payload) == {"type": "note", "seq": 4, "turn_id": "t", "name": note.name, "data": data}
    event = events.decode(payload)
    assert isinstance(event, events.Note)
    assert notes.from_event(event) == note


def test_every_note_is_in_the_table_above() -> None:
    assert {type(note) for note, _ in WIRE} == set(notes.AnyNote.__args__)
    assert set(notes.KINDS) == set(notes.Name.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("event", [events.Note(name="weather", data={}), events.Note(name="queue", data={})])
def test_a_note_of_another_version_is_none_of_ours(event: events.Note) -> None:
    assert notes.from_event(event) is None
