"""The bytes of a stream, its cursors, and readers who come, go, and dawdle."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from sse_starlette.sse import SendTimeoutError
from starlette.types import Message

from chat.api.event_stream import HEARTBEAT, SEND_TIMEOUT, EventStream, follow
from chat.background.event_log_cleanup import delete_old_event_logs
from chat.stream.journal import TurnLog
from store import events
from store.local_user import LOCAL
from tests.chat.outcomes import finished, whole
from tests.palaver import Palaver
from tests.sse import Event, read_events, text_of
from tests.upstream import Reply
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def raw(app: Palaver, turn_id: str, **more: dict[str, str]) -> httpx.Response:
    return await app.http.get(f"/api/turns/{turn_id}/events", **more)  # type: ignore[arg-type]


async def test_the_bytes_of_a_stream(house: Palaver, thread: str) -> None:
    turn = await house.chat(thread, "hello")
    answer = await raw(house, turn["id"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "connection" not in answer.headers
    body = answer.content
    assert b"\r" not in body
    assert body.startswith(b'retry: 1500\ndata: {"type":"turn.started","seq":1,')
    assert body.endswith(b"\n\n")
    blocks = body.removesuffix(b"\n\n").split(b"\n\n")
    assert len(blocks) == turn["last_seq"]
    for number, block in enumerate(blocks, start=1):
        lines = block.split(b"\n")
        fields = [line.split(b":")[0] for line in lines]
        assert fields == ([b"retry"] if number == 1 else []) + [b"data", b"id"], block
        assert lines[-1] == b"id: %d" % number


async def test_a_resume_from_every_event_gives_each_of_the_rest_once(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three four five six", chunk=4, gate=gate))
    accepted = await house.say(thread, "count")
    readers: list[asyncio.Task[list[Event]]] = []
    live: list[Event] = []
    async for event in house.stream(accepted["id"]):
        live.append(event)
        # A reader who saw this much goes on from here, while the turn still runs.
        if event.type not in {"turn.completed"}:
            readers.append(asyncio.create_task(house.follow(accepted["id"], event.seq)))
        gate.release()
    whole(live)
    for last_seen, reader in enumerate(readers, start=1):
        assert live[:last_seen] + await reader == live
    for cursor in range(len(live)):
        assert await house.follow(accepted["id"], cursor) == live[cursor:], "the same from the store"
    assert (await raw(house, accepted["id"], params={"after": str(len(live))})).status_code == 204


async def test_past_the_end_there_is_nothing_and_no_body(house: Palaver, thread: str) -> None:
    turn = await house.chat(thread, "hello")
    for cursor in (turn["last_seq"], turn["last_seq"] + 1, 999_999_999):
        answer = await raw(house, turn["id"], headers={"last-event-id": str(cursor)})
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("after", "last_event_id", "first"),
    [(None, None, 1), ("3", None, 4), (None, "3", 4), ("2", "4", 5), ("4", "2", 5), ("0", "0", 1)],
)
async def test_of_two_cursors_the_larger_wins(
    house: Palaver, thread: str, after: str | None, last_event_id: str | None, first: int
) -> None:
    turn = await house.chat(thread, "hello")
    answer = await raw(
        house,
        turn["id"],
        params={} if after is None else {"after": after},
        headers={} if last_event_id is None else {"last-event-id": last_event_id},
    )
    assert f'"seq":{first},'.encode() in answer.content.split(b"\n\n")[0]


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "", "1 2", "９", "0x1", "99999999999999999999"])
async def test_a_cursor_that_is_no_number_is_refused(house: Palaver, thread: str, cursor: str) -> None:
    turn = await house.chat(thread, "hello")
    by_query = await raw(house, turn["id"], params={"after": cursor})
    by_header = await house.http.get(
        f"/api/turns/{turn['id']}/events", headers=[(b"last-event-id", cursor.encode())]
    )
    assert (by_query.status_code, by_header.status_code) == (400, 400)
    assert by_query.json()["error"]["code"] == "bad_request"


async def test_unknown_turns_and_extra_parameters_are_refused(house: Palaver, thread: str) -> None:
    turn = await house.chat(thread, "hello")
    assert (await raw(house, "turn_unknown")).status_code == 404
    assert (await raw(house, turn["id"], params={"afterwards": "1"})).status_code == 400


async def test_head_tells_the_headers_and_ends(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(gate=gate))
    accepted = await house.say(thread, "hello")
    async with asyncio.timeout(LIMIT):
        answer = await house.http.head(f"/api/turns/{accepted['id']}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    gate.open()
    await finished(house, accepted["id"])


async def test_a_follower_who_leaves_ends_only_his_reading(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, gate=gate))
    accepted = await house.say(thread, "count")
    async for _ in house.stream(accepted["id"]):
        break
    gate.open()
    _, turn = await finished(house, accepted["id"])
    assert turn["status"] == "completed"


async def test_a_stream_that_was_the_answer_to_the_post_may_be_left_too(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, gate=gate))
    async with house.http.stream(
        "POST",
        f"/api/threads/{thread}/turns",
        json={"input": {"text": "count"}},
        headers={"accept": "text/event-stream"},
    ) as response:
        async for event in read_events(response.aiter_bytes()):
            turn_id = event.data["turn_id"]
            break
    gate.open()
    _, turn = await finished(house, turn_id)
    assert turn["status"] == "completed"


async def test_all_followers_see_the_same(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three four", chunk=3, gate=gate))
    accepted = await house.say(thread, "count")
    followers = [asyncio.create_task(house.follow(accepted["id"])) for _ in range(10)]
    await gate.reached()
    gate.open()
    logs = [whole(await follower) for follower in followers]
    assert all(log == logs[0] for log in logs)


async def test_a_reader_who_stops_reading_blocks_only_himself(house: Palaver, thread: str) -> None:
    text = "0123456789" * 20_000
    house.sim.script(Reply(text=text, thinking="", chunk=2_000, stop_reason="end_turn"))
    accepted = await house.say(thread, "much")
    host, port = "127.0.0.1", int(house.url.rsplit(":", 1)[1])
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        stuck.connect((host, port))
        stuck.sendall(f"GET /api/turns/{accepted['id']}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(LIMIT):
            events, turn = await finished(house, accepted["id"])
    assert turn["status"] == "completed"
    assert text.startswith(text_of(events))
    assert len(text_of(events)) > 10_000


async def test_silence_is_filled_with_a_comment_that_is_no_block_of_its_own(house: Palaver) -> None:
    log = TurnLog()
    stream = follow(
        house.deps.database, "nobody", "nothing", 0,
        find_live=lambda: log, draining=asyncio.Event(), silence=0.02,
    )  # fmt: skip
    chunks = [await anext(stream), await anext(stream), await anext(stream)]
    log.extend([b"data: {}\nid: 1\n\n"], ended=True)
    chunks += [chunk async for chunk in stream]
    assert chunks[:3] == [b"retry: 1500\n", HEARTBEAT, HEARTBEAT]
    # However many comments: a parser sees one block, with its fields, and no empty one.
    blocks = b"".join(chunks).removesuffix(b"\n\n").split(b"\n\n")
    assert len(blocks) == 1
    assert blocks[0].endswith(b": ka\ndata: {}\nid: 1")


async def test_a_reader_who_takes_no_bytes_is_cut_off(house: Palaver) -> None:
    """Every write has its time limit; then the generator is closed, so that nothing is kept for the reader."""
    closed, stuck = asyncio.Event(), asyncio.Event()

    async def frames() -> AsyncIterator[bytes]:
        try:
            yield b"data: {}\nid: 1\n\n"
        finally:
            closed.set()

    async def send(message: Message) -> None:
        if message.get("body"):
            await stuck.wait()

    async def receive() -> Message:
        await stuck.wait()
        return {"type": "http.disconnect"}

    assert EventStream(frames()).send_timeout == SEND_TIMEOUT
    async with asyncio.timeout(LIMIT):
        with pytest.raises(SendTimeoutError):
            await EventStream(frames(), send_timeout=0.02)({"type": "http", "method": "GET"}, receive, send)
        await closed.wait()


async def test_a_token_that_ends_in_the_middle_of_a_stored_log_reads_no_further(
    house: Palaver, thread: str
) -> None:
    turn = await house.chat(thread, "hello")
    more = events.rows(turn["id"], turn["last_seq"] + 1, ["{}"] * 600)  # more than is read at once
    await events.append(house.deps.database, more)
    ended: list[bool] = []
    stream = follow(
        house.deps.database, LOCAL, turn["id"], turn["last_seq"],
        find_live=lambda: None, draining=asyncio.Event(), access_ended=lambda: bool(ended),
    )  # fmt: skip
    assert [await anext(stream), len((await anext(stream)).split(b"\n\n"))] == [b"retry: 1500\n", 501]
    ended.append(True)
    assert [chunk async for chunk in stream] == []


async def test_a_draining_server_ends_streams_without_a_terminal_event(house: Palaver) -> None:
    log, draining = TurnLog(), asyncio.Event()
    log.extend([b"data: {}\nid: 1\n\n"])
    stream = follow(house.deps.database, "nobody", "nothing", 0, find_live=lambda: log, draining=draining)
    assert [await anext(stream), await anext(stream)] == [b"retry: 1500\n", b"data: {}\nid: 1\n\n"]
    draining.set()
    log.wake()
    assert [chunk async for chunk in stream] == []


async def test_a_log_that_is_no_longer_kept_is_gone_and_the_turn_still_tells(
    house: Palaver, thread: str
) -> None:
    accepted = await house.say(thread, "hello", headers={"idempotency-key": f"key-{thread}"})
    await house.follow(accepted["id"])
    await delete_old_event_logs(house.deps.runtime, hours=-1)  # as if they had passed
    assert (await raw(house, accepted["id"])).status_code == 410
    assert (await raw(house, accepted["id"])).json()["error"]["code"] == "log_gone"
    turn = await house.turn(accepted["id"])
    assert turn["status"] == "completed"
    assert (await raw(house, accepted["id"], params={"after": str(turn["last_seq"])})).status_code == 204
    again = await house.http.post(
        f"/api/threads/{thread}/turns",
        json={"input": {"text": "hello"}},
        headers={"accept": "text/event-stream", "idempotency-key": f"key-{thread}"},
    )
    assert again.status_code == 410
