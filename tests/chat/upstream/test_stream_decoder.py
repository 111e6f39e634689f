"""The provider's bytes: the same pieces however the network cuts them, and clear words for what is broken."""

import contextlib
import itertools
import json
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
    decoder = Decoder()
    return [piece for chunk in chunks for piece in decoder.feed(chunk)], decoder


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
        (b"data: \xff\xfe\n\n", "garbled"),
        (b"data: []\n\n", "garbled"),
        (b'data: {"type": 5}\n\n', "garbled"),
        (b"data: " + b"x" * (MAX_EVENT + 1), "garbled"),
    ],
)
def test_what_is_broken_is_named(data: bytes, outcome: str) -> None:
    with pytest.raises(UpstreamFailure) as failure:
        read(data)
    assert failure.value.details.outcome == outcome
    assert "secret" not in failure.value.details.message


@given(st.binary(max_size=300))
def test_noise_is_an_upstream_failure_or_nothing(noise: bytes) -> None:
    with contextlib.suppress(UpstreamFailure):
        read(noise, b"\n", b"data:" + noise + b"\n")
