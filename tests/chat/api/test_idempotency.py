"""The same request twice is one turn."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.local_user import LOCAL
from tests.chat.outcomes import finished, ledger, whole
from tests.palaver import Palaver, palaver
from tests.sse import read_events
from tests.upstream import Reply, Simulator, faults
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def post(
    app: Palaver,
    thread: str,
    text: str,
    key: str | None,
    *,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> httpx.Response:
    sent = {**({} if key is None else {"idempotency-key": key}), **(headers or {})}
    return await app.http.post(
        f"/api/threads/{thread}/turns", json={"input": {"text": text}, **fields}, headers=sent
    )


async def test_a_repeated_request_is_the_same_turn(house: Palaver, thread: str) -> None:
    first = await post(house, thread, "hello", f"key-{thread}")
    while_running = await post(house, thread, "hello", f"key-{thread}")
    events, _ = await finished(house, first.json()["id"])
    after = await post(house, thread, "hello", f"key-{thread}")
    assert (first.status_code, while_running.status_code, after.status_code) == (202, 200, 200)
    assert "idempotency-replayed" not in first.headers
    for again in (while_running, after):
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
        assert {**again.json(), "status": None} == {**first.json(), "status": None}
    assert after.json()["status"] == "completed"
    assert len(await house.messages(thread)) == 2
    assert len(house.sim.requests) == 1
    assert await house.follow(first.json()["id"]) == events


@pytest.mark.parametrize(
    "change",
    [{"text": "other"}, {"model": "simple"}, {"parent_id": None}, {"metadata": {"a": 1}}, {"thread": "x"}],
)
async def test_the_same_key_for_another_request_is_refused(
    house: Palaver, thread: str, change: dict[str, Any]
) -> None:
    key = f"key-{thread}"
    first = await post(house, thread, "hello", key)
    await house.follow(first.json()["id"])
    other = {"thread": thread, "text": "hello", **change}
    answer = await post(house, other.pop("thread"), other.pop("text"), key, **other)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert len(house.sim.requests) == 1


async def test_without_a_key_every_request_is_a_new_turn(house: Palaver, thread: str) -> None:
    for _ in range(2):
        await house.follow((await post(house, thread, "hello", None)).json()["id"])
    assert len(house.sim.requests) == 2


async def test_a_failed_turn_is_also_the_answer_to_its_repeat(house: Palaver, thread: str) -> None:
    house.sim.script(faults.unauthorized())
    first = await post(house, thread, "hello", f"key-{thread}")
    await house.follow(first.json()["id"])
    again = await post(house, thread, "hello", f"key-{thread}")
    assert again.json()["status"] == "failed"
    assert len(house.sim.requests) == 1


async def test_a_repeated_stream_goes_on_after_the_last_event_seen(house: Palaver, thread: str) -> None:
    key, streaming = f"key-{thread}", {"accept": "text/event-stream"}
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
    accepted = (await post(house, thread, "count", key)).json()
    gate.release(2)
    events = []
    async for event in house.stream(accepted["id"]):
        events.append(event)
        if event.type == "part.delta":
            break  # the reader leaves here
    gate.open()
    async with house.http.stream(
        "POST", f"/api/threads/{thread}/turns", json={"input": {"text": "count"}},
        headers={**streaming, "idempotency-key": key, "last-event-id": str(events[-1].seq)},
    ) as response:  # fmt: skip
        assert response.status_code == 200
        assert response.headers["idempotency-replayed"] == "true"
        rest = [event async for event in read_events(response.aiter_bytes())]
    whole(events + rest)
    assert len(house.sim.requests) == 1


async def test_a_repeated_stream_past_the_end_ends_at_once(house: Palaver, thread: str) -> None:
    key = f"key-{thread}"
    first = (await post(house, thread, "hello", key)).json()
    _, turn = await finished(house, first["id"])
    for cursor in (turn["last_seq"], turn["last_seq"] + 5):
        headers = {"accept": "text/event-stream", "last-event-id": str(cursor)}
        async with asyncio.timeout(LIMIT):
            answer = await post(house, thread, "hello", key, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")


async def race(app: Palaver, thread: str, key: str) -> None:
    answers = await asyncio.gather(*(post(app, thread, "hello", key) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202], [a.text for a in answers]
    (turn_id,) = {answer.json()["id"] for answer in answers}
    await finished(app, turn_id)
    assert len(await app.messages(thread)) == 2
    assert len(app.sim.requests) == 1
    assert len(await ledger(app, turn_id)) == 1


async def test_twenty_at_once_make_one_message_and_one_call(house: Palaver, thread: str) -> None:
    await race(house, thread, f"key-{thread}")


async def contest(app: Palaver, thread: str) -> None:
    gate = app.sim.gate()
    app.sim.script(Reply(gate=gate))
    answers = await asyncio.gather(*(post(app, thread, "hello", f"{thread}-{n}") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    (accepted,) = [answer.json() for answer in answers if answer.status_code == 202]
    gate.open()
    await finished(app, accepted["id"])
    assert len(await app.messages(thread)) == 2
    assert len(app.sim.requests) == 1


async def test_twenty_keys_at_once_make_one_turn_and_nineteen_refusals(house: Palaver, thread: str) -> None:
    await contest(house, thread)


@pytest.mark.postgres
async def test_the_same_races_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, database_url=postgres_url) as app:
        await race(app, "one", "key-1")
        sim.reset()
        await contest(app, "two")


async def test_a_message_id_is_used_once(house: Palaver, thread: str) -> None:
    named = {"input": {"text": "hello", "message_id": f"mine-{thread}"}}
    first = await house.http.post(f"/api/threads/{thread}/turns", json=named)
    assert first.json()["user_message_id"] == f"mine-{thread}"
    await house.follow(first.json()["id"])
    for place in (thread, f"{thread}-other"):
        again = await house.http.post(f"/api/threads/{place}/turns", json=named)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "id_taken")
    assert (await house.http.get(f"/api/threads/{thread}-other")).status_code == 404, "undone as a whole"


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 201])
async def test_a_key_that_cannot_be_kept_is_refused(house: Palaver, thread: str, key: str) -> None:
    answer = await house.http.post(
        f"/api/threads/{thread}/turns",
        json={"input": {"text": "hello"}},
        headers=[(b"idempotency-key", key.encode())],
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "idempotency-key"
    assert LOCAL not in answer.text


async def test_a_turn_is_found_again_though_its_model_is_offered_no_more(tmp_path: Path) -> None:
    async with Simulator() as sim:
        async with palaver(tmp_path, sim) as app:
            first = await post(app, "t", "hello", "key", model="claude-sonnet-5-5")
            await app.follow(first.json()["id"])
        async with palaver(tmp_path, sim, model_standard="claude-opus-5-5") as app:
            again = await post(app, "t", "hello", "key", model="claude-sonnet-5-5")
            assert (again.status_code, again.json()["id"]) == (200, first.json()["id"]), again.text
            other = await post(app, "t", "hello", "other-key", model="claude-sonnet-5-5")
            assert (other.status_code, other.json()["error"]["param"]) == (404, "model")
