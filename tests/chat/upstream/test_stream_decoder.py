"""The provider's bytes: the same pieces however the network cuts them, and clear words for what is broken."""

import contextlib
import itertools
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.upstream.failures import UpstreamFailure
from chat.upstream.stream_decoder import (
    MAX_EVENT,
    BlockEnded,
    Decoder,
    MessageStarted,
    MessageStopped,
    StreamEvent,
    TextDelta,
)
from context.models.pricing import Usage


def event(type: str, **fields: Any) -> bytes:
    return f"event: {type}\ndata: {json.dumps({'type': type, **fields}, ensure_ascii=False)}\n\n".encode()


def delta(type: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=0, delta={"type": type, **fields})


STREAM = b"".join(
    (
        event("message_start", message={
            "id": "msg_1", "model": "claude-x", "content": [],
            "usage": {
                "input_tokens": 25, "cache_read_input_tokens": 1200, "cache_creation_input_tokens": 30, "output_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            },
        }),
        event("ping"),
        event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
        delta("thinking_delta", thinking="Hm — 日本"),
        delta("signature_delta", signature="abc"),
        event("content_block_stop", index=0),
        event("content_block_start", index=1, content_block={"type": "text", "text": "So "}),
        delta("text_delta", text="long 😀\n\ndata: no"),
        event("something_new", data=[1, 2, {"deep": None}]),
        delta("text_delta", text=", and\r\nthanks"),
        event("content_block_stop", index=1),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 15,
            "output_tokens_details": {"thinking_tokens": 6}}),
        event("message_stop"),
    )
)  # fmt: skip
PIECES: list[StreamEvent] = [
    MessageStarted(upstream_id="msg_1", model="claude-x"),
    TextDelta(kind="reasoning", text="Hm — 日本"),
    BlockEnded(),
    TextDelta(kind="text", text="So "),
    TextDelta(kind="text", text="long 😀\n\ndata: no"),
    TextDelta(kind="text", text=", and\r\nthanks"),
    BlockEnded(),
    MessageStopped(reason="end_turn"),
]
USAGE = Usage(input=25, cache_read=1200, cache_write_5m=10, cache_write_1h=20, output=15, reasoning=6)


def read(*chunks: bytes) -> tuple[list[StreamEvent], Decoder]:
    decoder, pieces = Decoder(), list[StreamEvent]()
    for chunk in chunks:
        decoder.feed(chunk, pieces)
    return pieces, decoder


def test_a_whole_stream() -> None:
    pieces, decoder = read(STREAM)
    assert pieces == PIECES
    assert decoder.usage == USAGE
    assert decoder.counted
    assert decoder.finished


def test_every_single_cut_gives_the_same_pieces() -> None:
    for cut in range(len(STREAM)):
        assert read(STREAM[:cut], STREAM[cut:])[0] == PIECES, cut


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_cuts_give_the_same_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in itertools.pairwise(places)]
    pieces, decoder = read(*chunks)
    assert pieces == PIECES
    assert decoder.usage == USAGE


def test_line_ends_of_any_kind_are_read() -> None:
    assert read(STREAM.replace(b"\n", b"\r\n"))[0] == PIECES


def test_a_stream_that_stops_short_is_not_finished() -> None:
    cut = STREAM.index(b"event: message_delta")
    pieces, decoder = read(STREAM[:cut])
    assert pieces == PIECES[:-1]
    assert not decoder.finished
    assert not decoder.counted
    assert decoder.usage.output == 1


def test_later_totals_replace_and_absent_ones_keep() -> None:
    _, decoder = read(
        event("message_start", message={"usage": {"input_tokens": 5, "cache_creation_input_tokens": 7, "output_tokens": 1}}),
        event("message_delta", usage={"output_tokens": 3}),
        event("message_delta", usage={"output_tokens": 9, "input_tokens": 6}),
    )  # fmt: skip
    assert decoder.usage == Usage(input=6, cache_write_5m=7, output=9)


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (event("error", error={"type": "overloaded_error", "message": "secret detail"}), "overloaded"),
        (event("error", error={"type": "rate_limit_error"}), "rate_limited"),
        (event("error", error={"type": "never seen"}), "server_error"),
        (event("error"), "server_error"),
        (b"data: {broken\n\n", "garbled"),
        (delta("text_delta", text="lost").replace(b"lost", b"\xff"), "garbled"),
        (b'data: {"error": {"type": "overloaded_error"}}\n\n', "overloaded"),
        (delta("text_delta", text=["lost"]), "garbled"),
        (delta("text_delta", text="x" * 1_000_000) * 5, "endless"),
        (b"data: " + b"x" * (MAX_EVENT + 1), "garbled"),
    ],
)
def test_what_is_broken_is_named(data: bytes, outcome: str) -> None:
    with pytest.raises(UpstreamFailure) as failure:
        read(data)
    assert failure.value.details.outcome == outcome
    assert "secret" not in failure.value.details.message


def without(name: str) -> bytes:
    """The stream without the events of one type."""
    return b"".join(
        block + b"\n\n" for block in STREAM.split(b"\n\n") if block and f"event: {name}".encode() not in block
    )


ODD = {
    "blank data": b"data:\n\ndata: \n\n" + STREAM.replace(b"event: ping\n", b"data:\nevent: ping\n"),
    "floats": STREAM.replace(b'"input_tokens": 25', b'"input_tokens": 25.0').replace(b'"output_tokens": 15', b'"output_tokens": 15.0'),
    "numbers as text": STREAM.replace(b'"input_tokens": 25', b'"input_tokens": "25"'),
    "done": STREAM + b"data: [DONE]\n\n",
    "done instead of message_stop": without("message_stop") + b"data: [DONE]\n\n",
    "wrong types nobody needs": STREAM.replace(b'"content": []', b'"content": 7, "diagnostics": "none"').replace(b'"stop_sequence": null', b'"thinking": 5'),
    "null for a text": STREAM.replace(b'"signature": ""}', b'"signature": null, "id": null}'),
    "no JSON object": b"data: []\n\ndata: 5\n\ndata: ping\n\ndata: \xff\xfe\n\n" + STREAM,
    "unknown type": event("x").replace(b'"x"', b"5") + STREAM,
    "NaN": STREAM.replace(b'"output_tokens": 1,', b'"output_tokens": NaN,'),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_frames_cost_nothing(name: str) -> None:
    pieces, decoder = read(ODD[name])
    assert pieces == PIECES
    assert decoder.usage == USAGE
    assert decoder.finished


def test_json_spread_over_lines_is_one_event() -> None:
    pretty = "\n".join(
        f"data: {line}"
        for line in json.dumps(json.loads(delta("text_delta", text="hi")[33:]), indent=1).splitlines()
    )
    assert read(f"{pretty}\n\n".encode())[0] == [TextDelta(kind="text", text="hi")]


@pytest.mark.parametrize(
    ("missing", "reason"), [("message_delta", "end_turn"), ("content_block_stop", "end_turn")]
)
def test_an_end_that_is_told_makes_up_for_what_was_left_out(missing: str, reason: str) -> None:
    pieces, decoder = read(without(missing))
    assert [piece for piece in pieces if isinstance(piece, TextDelta)] == [
        piece for piece in PIECES if isinstance(piece, TextDelta)
    ]
    assert pieces.count(MessageStopped(reason=reason)) == 1
    assert decoder.finished
    assert decoder.counted == (missing != "message_delta")
    assert [block["type"] for block in decoder.blocks] == ["thinking", "text"]


def test_a_stream_that_says_only_that_it_is_over_is_no_answer() -> None:
    assert read(b"data: [DONE]\n\n")[1].finished is False


def test_time_is_linear_in_bytes() -> None:
    """One line in small pieces is not copied for each piece."""

    def seconds(size: int) -> float:
        decoder, piece, pieces = Decoder(), b"x" * 512, list[StreamEvent]()
        began = time.process_time()
        for _ in range(size // 512):
            decoder.feed(piece, pieces)
        assert pieces == []
        return time.process_time() - began

    once, four_times = (min(seconds(size) for _ in range(3)) for size in (2**20, 2**22))
    assert four_times < 12 * max(once, 0.002)


@given(st.binary(max_size=300))
def test_noise_is_an_upstream_failure_or_nothing(noise: bytes) -> None:
    with contextlib.suppress(UpstreamFailure):
        read(noise, b"\n", b"data:" + noise + b"\n")


def test_an_open_block_is_kept_as_one_text_and_not_as_an_object_for_each_delta() -> None:
    decoder, words = Decoder(), 20_000
    decoder.feed(event("content_block_start", index=0, content_block={"type": "text", "text": ""}), [])
    tracemalloc.start()
    try:
        for number in range(words):
            decoder.feed(delta("text_delta", text=f"{number:07} "), [])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 * words * 2
