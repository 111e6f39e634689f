"""Endpoints that are only compatible: odd answers of their Models API, floods, and answers of white space."""

import asyncio
import gzip
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from chat.upstream.call import Call
from chat.upstream.client import Upstream
from chat.upstream.models import load
from chat.upstream.probe import probe
from chat.upstream.stream_decoder import TextDelta
from tests.palaver import Palaver
from tests.upstream import Reply

MESSAGE = (
    b'{"id": "m", "type": "message", "role": "assistant", "model": "x", "content": [], "stop_reason": "max_tokens", '
    b'"usage": {"input_tokens": 3.0, "output_tokens": "1", "server_tool_use": "none"}}'
)

ONE_READ = 64 * 1024  # bytes that httpcore2 reads of a socket at once, if so many are there


def in_chunks(body: bytes, size: int) -> bytes:
    """A body as HTTP/1.1 writes it in chunks."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


@asynccontextmanager
async def endpoint(
    models: tuple[int, bytes, str],
    messages: bytes = MESSAGE,
    kind: str = "application/json",
    coding: str = "identity",
    chunk: int = 0,
) -> AsyncIterator[Upstream]:
    """A gateway whose Models API answers that, and whose Messages API answers these bytes, in HTTP chunks of `chunk` bytes if there is a size."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        status, body, media = models if head.startswith(b"GET") else (200, messages, kind)
        chunked = chunk and not head.startswith(b"GET")
        framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: {media}\r\n{framing}\r\nconnection: close\r\n".encode()
        )
        if coding != "identity" and not head.startswith(b"GET"):
            writer.write(f"content-encoding: {coding}\r\n".encode())
        writer.write(b"\r\n")
        writer.write(in_chunks(body, chunk) if chunked else body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    upstream = Upstream(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", api_key="k")
    try:
        yield upstream
    finally:
        await upstream.close()
        server.close()


ODD = [
    (200, b"<!doctype html><p>Welcome", "text/html"),
    (200, b"[]", "application/json"),
    (200, b'{"data": []}', "application/json"),
    (404, b"not here", "text/plain"),
    (200, b"null", "application/json"),
    (200, b"{broken", "application/json"),
]


@pytest.mark.parametrize("models", ODD)
async def test_an_odd_models_api_is_a_warning_and_the_doctor_makes_a_call(
    models: tuple[int, bytes, str],
) -> None:
    async with endpoint(models) as upstream:
        assert (await load(upstream.client, {"simple": "claude-haiku-5-5"}))[
            "claude-haiku-5-5"
        ].context_window > 0
        assert (await probe(upstream, "claude-haiku-5-5")).state == "ok"


async def test_a_keep_alive_reads_odd_usage() -> None:
    async with endpoint(ODD[0]) as upstream:
        call = Call()
        await upstream.touch(b"{}", call)
    assert (call.usage.input, call.usage.output, call.counted) == (3, 1, True)


async def test_a_flood_lets_others_have_their_turn() -> None:
    frame = (
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
        + b"x" * 20
        + b'"}}\n\n'
    )
    start = b'data: {"type":"message_start","message":{"id":"m","model":"x"}}\n\n'
    body = start + frame * (3_000_000 // len(frame)) + b'data: {"type":"message_stop"}\n\n'
    others = 0  # how often another task had its turn

    async def watch() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    read_between = Counter[int]()  # events that were read between two of their turns
    async with endpoint(ODD[0], body, "text/event-stream", chunk=len(frame)) as upstream:
        watching = asyncio.create_task(watch())
        call = Call()
        async with upstream.ask(b"{}", call) as events:
            async for some in events:
                read_between[others] += len(some)
        watching.cancel()
    assert read_between.total() > 20_000
    assert call.decoder.finished
    assert max(read_between.values()) * len(frame) <= ONE_READ


@pytest.mark.parametrize(
    ("coding", "encode"), [("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_a_compressed_answer_is_read(coding: str, encode: Callable[[bytes], bytes]) -> None:
    body = (
        b'data: {"type":"message_start","message":{"id":"m","model":"x"}}\n\n'
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n'
        b'data: {"type":"message_stop"}\n\n'
    )
    async with endpoint(ODD[0], encode(body), "text/event-stream", coding) as upstream:
        async with upstream.ask(b"{}", Call()) as reads:
            events = [event async for some in reads for event in some]
    assert TextDelta(kind="text", text="Hello") in events


@pytest.mark.parametrize("text", [" ", "\n\n\t", "\u3000\u200b"])
async def test_an_answer_of_white_space_is_empty(app: Palaver, text: str) -> None:
    app.sim.script(*[Reply(text=text, thinking="")] * 3)
    turn = await app.chat("t", "Hello")
    assert turn["status"] == "failed"
    assert turn["error"]["retryable"] is True
