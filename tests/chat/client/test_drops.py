"""What both clients do when connections break, servers restart, and nobody answers: each word once, and each message one turn."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from chat import client as published
from chat.client import ApiError, AsyncPalaver, ConnectionLost, Retries, TurnFailed
from tests.chat.client.both import Kind, Pauses, client
from tests.cutting_proxy import CuttingProxy, cutting
from tests.palaver import PLAIN, Palaver, palaver
from tests.sse import Event
from tests.upstream import Gate, Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = " ".join(f"word{number}" for number in range(60))
HEAD = 700  # bytes that leave room for the head of an answer and an event or two


async def test_each_word_comes_once_however_often_the_connection_breaks(
    house: Palaver, proxied: AsyncPalaver, proxy: CuttingProxy, pauses: Pauses, thread: str
) -> None:
    house.sim.script(Reply(text=TEXT, chunk=5, thinking="Let me count."))
    turn_id = (await house.say(thread, "Count"))["id"]
    whole = [event async for event in house.stream(turn_id)]
    dice = random.Random(thread)
    proxy.limits.extend(dice.randrange(HEAD, 2 * HEAD) for _ in range(100))
    turn = proxied.turn(turn_id)
    for _ in range(8):
        assert [event.seq async for event in turn.events()] == [event.seq for event in whole]
        assert await turn.text() == TEXT
    assert proxy.cuts >= 16
    assert len(pauses.seconds) == proxy.cuts
    assert len(house.sim.requests) == 1


async def test_an_answer_that_is_still_written_goes_on_behind_a_break(
    house: Palaver, proxied: AsyncPalaver, proxy: CuttingProxy, thread: str
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text=TEXT, chunk=5, thinking="", gate=gate))
    proxy.limits.extend([10_000, HEAD + 300, HEAD + 500])
    turn = await proxied.thread(thread).send("Count")
    gate.release(3)
    heard = ""
    async for words in turn:
        heard += words
        gate.release(3)
        if proxy.connections > 3:
            gate.open()
        assert TEXT.startswith(heard)
    assert heard == TEXT


async def test_a_message_whose_answer_was_lost_is_one_turn(
    house: Palaver, proxied: AsyncPalaver, proxy: CuttingProxy, pauses: Pauses, thread: str
) -> None:
    house.sim.script(Reply(text="one", thinking=""), Reply(text="two", thinking=""))
    proxy.limits.extend([0, 0, 0])
    talk = proxied.thread(thread)
    turn = await talk.send("Count")
    assert proxy.cuts == 3
    assert len(pauses.seconds) == 3
    assert await turn.text() == "one"
    assert [message.text for message in (await talk.messages()).messages] == ["Count", "one"]
    assert len(house.sim.requests) == 1


async def test_a_deletion_whose_answer_was_lost_is_done(
    house: Palaver, proxied: AsyncPalaver, proxy: CuttingProxy, thread: str
) -> None:
    await house.http.post("/api/threads", json={"id": thread})
    proxy.limits.append(0)
    await proxied.thread(thread).delete()
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404


@pytest.mark.parametrize("loop", ["words", "events"])
async def test_leaving_the_loop_closes_the_connection_and_the_turn_goes_on(
    house: Palaver, proxied: AsyncPalaver, proxy: CuttingProxy, loop: str, thread: str
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    turn = await proxied.thread(thread).send("Count")
    gate.release(1)
    received = aiter(turn) if loop == "words" else turn.events()
    assert isinstance(received, AsyncGenerator)
    await anext(received)
    assert proxy.open == 1
    await received.aclose()
    await until(lambda: proxy.open == 0)
    gate.open()
    assert await turn.text() == "one two three"


async def test_a_client_closes_its_own_connections_and_no_others(
    house: Palaver, proxy: CuttingProxy, thread: str
) -> None:
    async with AsyncPalaver(proxy.url) as guest:
        await guest.thread(thread).create()
        assert proxy.open == 1
    await until(lambda: proxy.open == 0)

    def blocking() -> int:
        with httpx.Client(verify=PLAIN) as http:
            with published.Palaver(proxy.url, http=http) as lent:
                lent.thread(thread).get()
            with published.Palaver(proxy.url) as own:
                own.thread(thread).get()
                assert proxy.open == 2
            assert http.get(f"{proxy.url}/api/info").status_code == 200, "it is open still"
        return proxy.connections

    assert await asyncio.to_thread(blocking) == 3, "what was lent is used on"
    await until(lambda: proxy.open == 0)


async def test_a_stream_that_says_how_long_to_wait_is_opened_again_after_that(
    house: Palaver, proxied: AsyncPalaver, proxy: CuttingProxy, pauses: Pauses, thread: str
) -> None:
    turn_id = (await house.chat(thread, "Count"))["id"]
    proxy.limits.append(HEAD)
    await proxied.turn(turn_id).text()
    [pause] = pauses.seconds
    assert 0.75 <= pause <= 1.5, "half of each pause is by chance"


async def test_a_stream_that_says_nothing_is_opened_again(
    house: Palaver, proxy: CuttingProxy, kind: Kind, thread: str
) -> None:
    house.sim.script(Reply(text=TEXT, chunk=5, thinking=""))
    turn_id = (await house.say(thread, "Count"))["id"]
    proxy.limits.extend([HEAD, HEAD])
    proxy.stalls = True
    impatient = Retries(requests=100_000, streams=100_000, silence=1.0)
    async with client(kind, proxy.url, retries=impatient) as guest:
        assert await guest.turn(turn_id).text() == TEXT
    assert proxy.connections >= 3


async def test_a_server_that_restarts_in_the_middle_of_an_answer(
    kind: Kind, pauses: Pauses, tmp_path: Path
) -> None:
    gate = Gate()
    async with Simulator() as sim, cutting("http://127.0.0.1:9") as proxy:
        sim.script(
            Reply(text="one two three", chunk=4, thinking="", gate=gate), Reply(text="three", thinking="")
        )
        async with client(kind, proxy.url, pauses=pauses) as guest:
            talk = guest.thread("t")
            sending = asyncio.create_task(talk.send("Count"))
            await until(lambda: len(pauses.seconds) > 1)  # nobody listens yet
            async with palaver(tmp_path, sim, grace_seconds=0) as first:
                proxy.target = first.url
                turn = await sending
                gate.release(2)
                words = aiter(turn)
                heard = await anext(words)
                rest = asyncio.create_task(_rest(words))
            assert not rest.done()
            async with palaver(tmp_path, sim) as second:
                proxy.target = second.url
                more, failed = await rest
                assert heard + more == "one two "
                assert failed is not None
                assert (failed.code, failed.retryable) == ("interrupted", True)
                answer = (await talk.messages()).messages[-1]
                assert (answer.status, answer.text) == ("interrupted", "one two ")
                assert await (await talk.continue_answer(answer.id)).text() == "one two three"


async def _rest(words: AsyncIterator[str]) -> tuple[str, TurnFailed | None]:
    """The words that are left, and how it ended."""
    heard = ""
    try:
        async for text in words:
            heard += text
    except TurnFailed as failed:
        return heard, failed
    return heard, None


async def test_where_nobody_listens_it_gives_up_after_growing_pauses(kind: Kind, pauses: Pauses) -> None:
    few = Retries(requests=4, streams=6, first_pause=1.0, longest_pause=8.0)
    async with client(kind, "http://127.0.0.1:9", pauses=pauses, retries=few) as guest:
        with pytest.raises(ConnectionLost, match="4 attempts") as lost:
            await guest.thread("t").send("Hello")
        assert lost.value.__cause__ is not None
        assert len(pauses.seconds) == 3
        pauses.seconds.clear()
        with pytest.raises(ConnectionLost, match="6 attempts"):
            await guest.turn("turn_1").text()
    assert len(pauses.seconds) == 5
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses.seconds, (1, 2, 4, 8, 8), strict=True))
    assert any(later > earlier for earlier, later in pairwise(pauses.seconds))


async def test_too_many_requests_are_repeated_when_the_server_says_so(
    kind: Kind, pauses: Pauses, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    async with Simulator() as sim, palaver(tmp_path, sim, max_concurrent_requests=1) as app:
        gate = sim.gate()
        sim.script(Reply(text="Yes.", thinking="", gate=gate))
        turn = await app.say("t", "Hello")
        reading = aiter(app.stream(turn["id"]))
        await anext(reading)  # holds the only place
        pauses.then = lambda: loop.call_soon_threadsafe(gate.open)
        others = asyncio.create_task(_read_all(reading))
        async with client(kind, app.url, pauses=pauses) as guest:
            assert (await guest.thread("t").get()).id == "t"
            assert pauses.seconds
            assert min(pauses.seconds) >= 2.0, "`Retry-After`"
        await others


async def _read_all(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass


async def test_too_many_requests_are_an_error_in_the_end(kind: Kind, pauses: Pauses, tmp_path: Path) -> None:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, requests_per_minute=1) as app,
        client(kind, app.url, pauses=pauses, retries=Retries(requests=3)) as guest,
    ):
        assert [thread async for thread in guest.threads()] == []
        with pytest.raises(ApiError) as refused:
            await guest.thread("t").send("Hello")
        assert (refused.value.status, refused.value.code, refused.value.retry_after) == (
            429,
            "rate_limited",
            10,
        )
        assert len(pauses.seconds) == 2
        assert min(pauses.seconds) >= 10
        pauses.seconds.clear()
        async with client(kind, app.url, pauses=pauses, retries=Retries(longest_retry_after=5)) as hasty:
            with pytest.raises(ApiError, match="rate_limited"):
                await hasty.thread("t").get()
        assert pauses.seconds == [], "ten seconds are too long for this one"


async def test_a_token_is_sent_with_each_request_and_may_change(kind: Kind, tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, token="token-of-ada-0123456789") as app:
        sim.script(Reply(text="Yes.", thinking=""))
        async with client(kind, app.url, token="nonsense") as stranger:
            with pytest.raises(ApiError) as refused:
                await stranger.thread("t").send("Hello")
            assert (refused.value.status, refused.value.code) == (401, "unauthorized")
            with pytest.raises(ApiError, match="unauthorized"):
                await stranger.turn("turn_1").text()
        tokens = iter(["nonsense", "token-of-ada-0123456789", "token-of-ada-0123456789", "nonsense"])
        async with client(kind, app.url, token=lambda: next(tokens)) as guest:
            with pytest.raises(ApiError, match="unauthorized"):
                await guest.thread("t").send("Hello")
            assert await (await guest.thread("t").send("Hello")).text() == "Yes."
