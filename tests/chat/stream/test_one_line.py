"""JSON that goes into a line stays on one line for readers that split at every line end Unicode has."""

import ast
import json
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import chat
from chat.stream import events
from chat.stream.events import PartDelta
from chat.stream.one_line import one_line

ENDS = "".join(end for end in map(chr, range(0x3000)) if len(f"a{end}b".splitlines()) > 1)
# What has lines of its own, or is no line: the OpenAPI document, a report for people, an attribute of a span.
NO_LINES = {"api/openapi.py", "api/page.py", "cli/usage.py", "telemetry/otel.py"}


def test_the_line_ends_are_those_python_knows() -> None:
    assert set("\n\r\x85\u2028\u2029") <= set(ENDS)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: f"U+{ord(end):04X}")
def test_an_event_is_one_line_for_every_reader(end: str) -> None:
    event = PartDelta(part_id="p1", text=f"one{end}two")
    payload = events.encode(event, seq=1, turn_id="t")
    assert payload.splitlines() == [payload]
    assert events.decode(payload).text == event.text  # type: ignore[union-attr]
    assert len(events.frame(1, payload).decode().splitlines()) == 3


@pytest.mark.parametrize("end", "\x85\u2028\u2029")
def test_an_event_that_an_earlier_version_stored_is_sent_on_one_line(end: str) -> None:
    stored = json.dumps({"type": "part.delta", "text": f"one{end}two"}, ensure_ascii=False)
    data, number, empty = events.frame(7, stored).decode().splitlines()
    assert (json.loads(data[6:])["text"], number, empty) == (f"one{end}two", "id: 7", "")


@given(st.text(st.sampled_from(ENDS + 'a"\\\\日')))
def test_what_json_says_does_not_change(text: str) -> None:
    written = one_line(json.dumps({text: text}, ensure_ascii=False))
    assert len(written.splitlines()) == 1
    assert json.loads(written) == {text: text}


def test_json_with_letters_of_all_languages_goes_through_it_wherever_it_is_written() -> None:
    root = Path(chat.__file__).parent
    unescaped = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if json_calls(ast.parse(path.read_text("utf-8")))
    }
    assert unescaped == NO_LINES


def json_calls(tree: ast.AST) -> list[ast.Call]:
    """The calls of `json.dumps` with `ensure_ascii=False` that are not wrapped in `one_line`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    wrapped = {
        id(argument)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "one_line"
        for argument in call.args
    }
    return [
        call
        for call in calls
        if id(call) not in wrapped
        and any(
            keyword.arg == "ensure_ascii" and not getattr(keyword.value, "value", True)
            for keyword in call.keywords
        )
    ]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: f"U+{ord(end):04X}")
def test_a_log_event_as_json_is_one_line(end: str) -> None:
    written = structlog.processors.JSONRenderer()(None, "info", {"event": "x", "text": f"one{end}two"})
    assert len(str(written).splitlines()) == 1
