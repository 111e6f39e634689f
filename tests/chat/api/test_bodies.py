"""Bodies hostile clients send: each is a clear error, and changes nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx
import pytest

from chat.api.body import MAX_BODY, parse
from chat.api.schemas import fields
from tests.chat.errors import assert_error
from tests.palaver import Palaver
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}
TURN = b'{"input":{"text":%s}}'
NESTED = b'{"metadata":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}"
BROKEN = {
    "nothing": b"",
    "half": b'{"input":{"text":"x"',
    "two values": b'{"input":{"text":"x"}}{}',
    "comments": b'{"input":{"text":"x"}} // yes',
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "string": b'"x"',
    "not UTF-8": TURN % b'"\xff\xfe"',
    "overlong UTF-8": TURN % b'"\xc0\xaf"',
    "UTF-16": '{"input":{"text":"x"}}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + TURN % b'"x"',
    "NaN": b'{"input":{"text":"x"},"metadata":{"a":NaN}}',
    "Infinity": b'{"input":{"text":"x"},"metadata":{"a":-Infinity}}',
    "beyond a float": b'{"input":{"text":"x"},"metadata":{"a":1e999}}',
    "huge integer": b'{"input":{"text":"x"},"metadata":{"a":' + b"9" * 100_000 + b"}}",
    "nested objects": NESTED,
    "nested lists": b"[" * 200_000,
    "nested a little": b'{"input":{"text":"x"},"metadata":{"a":' + b"[" * 40 + b"]" * 40 + b"}}",
    "the same key twice": b'{"input":{"text":"x"},"input":{"text":"y"}}',
    "the same key twice inside": b'{"input":{"text":"x","text":"y"}}',
    "NUL in a key": b'{"input":{"text":"x"},"metadata":{"a\\u0000":1}}',
    "unknown field": b'{"input":{"text":"x"},"role":"system"}',
    "unknown field inside": b'{"input":{"text":"x","owner_id":"me"}}',
    "number for text": TURN % b"1",
    "true for text": TURN % b"true",
    "null for text": TURN % b"null",
    "list for text": TURN % b'["x"]',
    "blank text": TURN % b'"\\u2003 \\n"',
    "too long a text": TURN % (b'"' + b"x" * 400_001 + b'"'),
    "a bad id": b'{"input":{"text":"x","message_id":"a/b"}}',
    "an id with a line end": b'{"input":{"text":"x","message_id":"a\\n"}}',
    "too long an id": b'{"input":{"text":"x","message_id":"' + b"x" * 129 + b'"}}',
    "too large metadata": b'{"input":{"text":"x"},"metadata":{"a":"' + b"x" * 20_000 + b'"}}',
    "too many parts": b'{"input":{"parts":[' + b",".join([b'{"type":"text","text":"x"}'] * 33) + b"]}}",
    "an unknown part": b'{"input":{"parts":[{"type":"file","url":"file:///etc/passwd"}]}}',
}


async def test_every_hostile_body_is_a_clear_400_and_leaves_nothing(house: Palaver, thread: str) -> None:
    for name, body in BROKEN.items():
        async with asyncio.timeout(LIMIT):
            answer = await house.http.post(f"/api/threads/{thread}/turns", content=body, headers=JSON)
        assert answer.status_code == 400, (name, answer.status_code, answer.text[:200])
        assert_error(answer, 400, "bad_request")
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404
    assert house.sim.requests == []


@pytest.mark.parametrize(
    ("escaped", "stored"),
    [
        (b"a\\u0000b", "a\ufffdb"),
        (b"half \\ud83d of a pair", "half \ufffd of a pair"),
        (b"\\udc00\\ud83d", "\ufffd\ufffd"),
        (b"\\ud83d\\ude00 whole", "\U0001f600 whole"),
        (b"    indented", "    indented"),
    ],
)
async def test_text_that_no_database_holds_is_replaced_and_all_else_stays_as_typed(
    house: Palaver, escaped: bytes, stored: str
) -> None:
    turn = TURN % (b'"%s"' % escaped)
    answer = await house.http.post("/api/threads/pasted/turns", content=turn, headers=JSON)
    assert answer.status_code == 202
    messages = (await house.http.get("/api/threads/pasted/messages")).json()["messages"]
    assert [part["text"] for part in messages[0]["parts"]] == [stored]
    assert (await house.http.delete("/api/threads/pasted")).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/jsonp"},
        {**JSON, "content-encoding": "gzip"},
        {**JSON, "content-encoding": "br"},
    ],
)
async def test_a_body_says_that_it_is_plain_json(
    house: Palaver, thread: str, headers: dict[str, str]
) -> None:
    answer = await house.http.post(f"/api/threads/{thread}/turns", content=TURN % b'"x"', headers=headers)
    assert_error(answer, 415, "unsupported_media")


async def test_json_with_a_charset_and_odd_letters_is_json(house: Palaver, thread: str) -> None:
    answer = await house.http.post(
        "/api/threads", content=b"{}", headers={"content-type": "Application/JSON ; charset=utf-8"}
    )
    assert answer.status_code == 201


async def test_a_body_too_large_is_refused_announced_or_not(house: Palaver, thread: str) -> None:
    path = f"/api/threads/{thread}/turns"
    assert_error(await house.http.post(path, content=b" " * (MAX_BODY + 1), headers=JSON), 413, "too_large")

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(3 * MAX_BODY // 65_536):
            yield b" " * 65_536

    assert_error(await house.http.post(path, content=unannounced(), headers=JSON), 413, "too_large")


ENDLESS = (
    ("POST /api/threads/endless/turns HTTP/1.1\r\n{}", 413, "content-type: application/json\r\n"),
    ("POST /api/threads/endless/turns HTTP/1.1\r\n{}", 415, "content-type: text/plain\r\n"),
    ("POST /api/nothing HTTP/1.1\r\n{}", 404, ""),
)


@pytest.mark.parametrize(("start", "status", "more"), ENDLESS)
async def test_nobody_listens_to_an_endless_body_that_was_refused(
    house: Palaver, start: str, status: int, more: str
) -> None:
    url = httpx.URL(house.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = start.format(f"host: {url.host}\r\n{more}transfer-encoding: chunked\r\n\r\n")
    writer.write(head.encode())

    async def talk_on() -> None:
        while True:
            writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
            await writer.drain()

    async with asyncio.timeout(LIMIT):
        talking = asyncio.create_task(talk_on())
        answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        with pytest.raises(ConnectionError):
            await talking
    writer.close()
    assert answered.startswith(f"http/1.1 {status} ")
    assert "\r\nconnection: close\r\n" in answered


async def test_a_body_that_was_read_or_is_short_leaves_the_connection_open(
    house: Palaver, thread: str
) -> None:
    path = f"/api/threads/{thread}/turns"
    for sent, kind in ((b"[]", JSON), (b"x" * 1_000, {"content-type": "text/plain"})):
        answer = await house.http.post(path, content=sent, headers=kind)
        assert answer.status_code >= 400
        assert "connection" not in answer.headers


async def test_a_large_body_is_parsed_off_the_event_loop(
    house: Palaver, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    monkeypatch.setattr("chat.api.body.parse", partial(_seen, threads, parse))
    many = b'{"metadata":{' + b",".join(b'"k%d":[1,2,3]' % number for number in range(20_000)) + b"}}"
    for sent in (many, TURN % (b'"' + b"x" * 100_000 + b'"'), TURN % b'"x"'):
        await house.http.post(
            f"/api/threads/{thread}/turns", content=sent, headers={"content-type": "application/json"}
        )
    assert threads == [False, False, True]


def _seen(threads: list[bool], parse: Callable[[bytes], object], data: bytes) -> object:
    threads.append(threading.current_thread() is threading.main_thread())
    return parse(data)


async def test_metadata_that_is_far_too_large_is_not_read_to_its_end() -> None:
    with pytest.raises(ValueError, match="16384"):
        fields._small({"long": ["x" * 100] * 1_000, "not JSON": object()})
    most = {"a": "x" * (fields.MAX_METADATA - len('{"a": ""}'))}
    assert fields._small(most) == most
    with pytest.raises(ValueError, match="16384"):
        fields._small({"a": most["a"] + "x"})
