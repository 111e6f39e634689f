"""What is changed of a request's bytes, and that nothing else is: places in JSON, cache breakpoints, the model."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import BadRequest
from chat.protocols.anthropic.breakpoints import prepared
from chat.protocols.anthropic.json_parts import items, members, start_of
from chat.protocols.anthropic.parsed_request import parse_request

MARK = {"type": "ephemeral"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
SPACES = st.sampled_from([None, 1, "\t"])


def request(**fields: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        **fields,
    }


def sent(body: dict[str, Any], model: str = "m", *, cacheable: bool = True) -> tuple[dict[str, Any], str]:
    """What is sent of a request, read again, and who has set its breakpoints."""
    data, cache = prepared(parse_request(json.dumps(body).encode()), model, cacheable=cacheable)
    changed: dict[str, Any] = json.loads(data)
    return changed, cache


@given(st.dictionaries(st.text(), VALUES, max_size=6), SPACES, st.booleans())
def test_the_members_of_any_object_are_found_where_they_stand(
    value: dict[str, Any], indent: Any, ascii_only: bool
) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = {name: json.loads(data[start:end]) for name, (start, end) in members(data, start_of(data))}
    assert found == value


@given(st.lists(VALUES, max_size=6), SPACES)
def test_the_entries_of_any_array_are_found_where_they_stand(value: list[Any], indent: Any) -> None:
    data = json.dumps(value, indent=indent).encode()
    assert [json.loads(data[start:end]) for start, end in items(data, start_of(data))] == value


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=4), SPACES)
def test_another_model_changes_the_model_alone(more: dict[str, Any], indent: Any) -> None:
    body = {**more, **request()}
    data = json.dumps(body, indent=indent).encode()
    changed, _ = prepared(parse_request(data), "of tomorrow", cacheable=False)
    assert changed == data.replace(b'"model": "m"', b'"model": "of tomorrow"')
    same, _ = prepared(parse_request(data), "m", cacheable=False)
    assert same == data


def test_a_single_question_is_not_cached_and_a_system_prompt_is() -> None:
    assert sent(request()) == (request(), "none")
    changed, cache = sent(request(system="Be brief."))
    assert cache == "set"
    assert changed == request(system=[{"type": "text", "text": "Be brief.", "cache_control": MARK}])


def test_of_blocks_of_a_system_prompt_the_last_is_marked() -> None:
    blocks = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    changed, _ = sent(request(system=blocks))
    assert changed["system"] == [blocks[0], {**blocks[1], "cache_control": MARK}]


def test_a_conversation_that_goes_on_is_cached_to_its_end() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And?"},
    ]
    changed, cache = sent(request(messages=messages))
    assert (changed, cache) == ({**request(messages=messages), "cache_control": MARK}, "set")


def test_without_a_system_prompt_the_last_tool_is_marked() -> None:
    tools = [{"name": "a", "input_schema": {}}, {"name": "b", "input_schema": {}}]
    changed, _ = sent(request(tools=tools))
    assert changed["tools"] == [tools[0], {**tools[1], "cache_control": MARK}]


@pytest.mark.parametrize(
    "body",
    [
        request(system=[{"type": "text", "text": "Be brief.", "cache_control": MARK}]),
        request(
            messages=[{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}]
        ),
        request(cache_control=MARK, system="Be brief."),
    ],
)
def test_who_sets_breakpoints_keeps_them(body: dict[str, Any]) -> None:
    assert sent(body) == (body, "caller")


@pytest.mark.parametrize(
    "body",
    [
        request(system=""),
        request(system=" \n"),
        request(system=[]),
        request(system=[{"type": "text", "text": ""}]),
        request(system=5),
        request(tools=[]),
        request(tools=[{}]),
    ],
)
def test_what_cannot_carry_a_breakpoint_gets_none(body: dict[str, Any]) -> None:
    changed, _ = sent(body)
    assert {**changed, "cache_control": None} == {**body, "cache_control": None}


def test_a_model_without_a_prompt_cache_gets_none() -> None:
    assert sent(request(system="Be brief."), cacheable=False) == (request(system="Be brief."), "none")


def test_a_text_about_breakpoints_is_none() -> None:
    asked = request(messages=[{"role": "user", "content": 'What is "cache_control"?'}], system="Be brief.")
    assert sent(asked)[1] == "set"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"model": "m", "model": "n", "max_tokens": 9, "messages": [{}]}',
        b'{"model": "m", "max_tokens": 9, "messages": [{}]',
        b'{"model": "m", "max_tokens": 9, "messages": [{}], "x": NaN}',
        b'{"model": "m", "max_tokens": 9, "messages": {}}',
        b'{"model": "m", "max_tokens": -1, "messages": [{}]}',
        b'{"model": "m", "max_tokens": 9, "messages": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'{"model": "\xff", "max_tokens": 9, "messages": [{}]}',
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request(data)
