"""Events on the wire: one line of JSON each, whatever text they carry."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.stream import events
from chat.stream.events import (
    PartDelta,
    PartEnded,
    PartStarted,
    TokenUsage,
    TurnCompleted,
    TurnError,
    TurnFailed,
)
from tests.chat.outcomes import answer_text, finished
from tests.palaver import Palaver
from tests.sse import text_of
from tests.upstream import Reply

HOSTILE = (
    "one\r\n\r\ndata: {}\n\nevent: error\nid: 99\n\n: comment\r\rretry: 1\n\n"
    "\u2028\u2029\x85\x1b[31m\ufeff</script>\\\"' \ud83d\ude00 end".encode("utf-16", "surrogatepass").decode("utf-16")
)  # fmt: skip
TERMINAL: list[events.Event] = [
    TurnCompleted(finish_reason="stop", usage=TokenUsage(input_tokens=1, output_tokens=2, total_tokens=3)),
    TurnFailed(error=TurnError(code="internal", message="Broken.", retryable=True)),
    events.TurnCancelled(reason="user"),
]
OTHERS: list[events.Event] = [
    events.TurnStarted(protocol="palaver.v1", thread_id="t", message_id="a", user_message_id="q", created_at="now"),
    PartStarted(part_id="p1", kind="text"),
    PartDelta(part_id="p1", text="turn.completed"),
    PartEnded(part_id="p1"),
    events.Note(name="route", data={"type": "turn.completed"}),
]  # fmt: skip


@pytest.mark.parametrize("event", [*TERMINAL, *OTHERS], ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_without_nulls_and_comes_back_as_it_was(event: events.Event) -> None:
    payload = events.encode(event, seq=7, turn_id="turn_1")
    assert "\n" not in payload
    assert ": " not in payload, "compact separators"
    read = json.loads(payload)
    assert (read["seq"], read["turn_id"]) == (7, "turn_1")
    assert payload.startswith('{"type":"')
    assert None not in read.values()
    assert events.decode(payload) == msgspec.structs.replace(event, seq=7, turn_id="turn_1")


def test_exactly_the_three_ends_are_terminal() -> None:
    assert all(events.is_terminal(events.encode(event, seq=1, turn_id="t")) for event in TERMINAL)
    assert not any(events.is_terminal(events.encode(event, seq=1, turn_id="t")) for event in OTHERS)


def test_a_frame_puts_data_before_id() -> None:
    assert events.frame(3, '{"a":1}') == b'data: {"a":1}\nid: 3\n\n'


@given(st.text())
def test_no_text_breaks_out_of_its_frame(text: str) -> None:
    payload = events.encode(PartDelta(part_id="p1", text=text), seq=1, turn_id="t")
    block = events.frame(1, payload)
    assert b"\r" not in block
    assert block.count(b"\n") == 3
    assert block.endswith(b"\n\n")
    assert json.loads(block.split(b"\n")[0][6:])["text"] == text


@pytest.mark.parametrize("broken", ["", "{}", '{"type":"unknown"}', '{"type":"part.delta"}', "[]"])
def test_what_is_no_event_is_refused(broken: str) -> None:
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        events.decode(broken)


@pytest.mark.asyncio(loop_scope="module")
async def test_hostile_text_travels_unchanged_through_every_field(house: Palaver, thread: str) -> None:
    house.sim.script(Reply(text=HOSTILE, thinking=HOSTILE, chunk=5))
    accepted = await house.say(thread, HOSTILE)
    log, turn = await finished(house, accepted["id"])  # the reader asserts the framing of every block
    assert text_of(log) == HOSTILE == answer_text(turn["message"])
    assert (await house.messages(thread))[0]["parts"][0]["text"] == HOSTILE
    assert house.sim.requests[-1]["messages"][-1]["content"][0]["text"] == HOSTILE
