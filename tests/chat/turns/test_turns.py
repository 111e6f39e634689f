"""A turn from the first byte to the last."""

import sqlite3
from decimal import Decimal
from typing import Any

import pytest

from context.models.pricing import price
from store import sqlite
from store.local_user import LOCAL
from tests.chat.outcomes import answer_text, finished, ledger, notes, whole
from tests.chat.stream.storing import stored_events
from tests.palaver import Palaver
from tests.sse import read_events
from tests.upstream import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_question_is_answered(house: Palaver, thread: str) -> None:
    house.sim.script(Reply(text="Hello yourself.", thinking="A greeting."))
    answer = await house.http.post(f"/api/threads/{thread}/turns", json={"input": {"text": "Hello"}})
    assert answer.status_code == 202
    accepted = answer.json()
    assert answer.headers["location"] == f"/api/turns/{accepted['id']}/events"
    assert accepted["status"] == "running"
    assert accepted["thread_id"] == thread

    events, turn = await finished(house, accepted["id"])
    assert [event.type for event in events if event.type != "part.delta"] == [
        "turn.started", "note", "part.started", "part.ended", "part.started", "part.ended", "turn.completed",
    ]  # fmt: skip
    started = events[0].data
    assert started["protocol"] == "palaver.v1"
    assert (started["thread_id"], started["message_id"]) == (thread, accepted["message_id"])
    assert events[-1].data["finish_reason"] == "stop"
    assert events[-1].data["usage"] == {name: n for name, n in turn["usage"].items() if n is not None}

    message = turn["message"]
    assert message["status"] == "complete"
    assert [part["type"] for part in message["parts"]] == ["reasoning", "text"]
    assert answer_text(message) == "Hello yourself."
    assert message["parent_id"] == accepted["user_message_id"]
    assert (message["model"], message["finish_reason"]) == ("claude-sonnet-5-5", "stop")


async def test_what_was_used_is_what_the_provider_billed(house: Palaver, thread: str) -> None:
    for text in ("x " * 900, "and now?"):
        turn = await house.chat(thread, text)
        actual_usage = house.sim.log[-1].kinds
        (entry,) = await ledger(house, turn["id"])
        used = entry.usage
        assert {
            "input": used.input, "cache_read": used.cache_read, "write_5m": used.cache_write_5m,
            "write_1h": used.cache_write_1h, "output": used.output,
        } == actual_usage  # fmt: skip
        assert (entry.purpose, entry.outcome, entry.estimated, entry.attempt) == ("reply", "ok", False, 1)
        assert entry.upstream_id == house.sim.log[-1].message_id
        assert Decimal(turn["message"]["cost_usd"]) == entry.cost == price("claude-sonnet-5-5", used)
        assert turn["usage"]["input_tokens"] == used.prompt
        assert turn["usage"]["total_tokens"] == used.total
    assert turn["usage"]["cached_input_tokens"] > 900


async def test_an_event_is_durable_before_it_is_delivered(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
    accepted = await house.say(thread, "count")
    shown = []
    async for event in house.stream(accepted["id"]):
        assert event.seq in await stored_events(house.deps.database, accepted["id"]), (
            "shown before it was kept"
        )
        shown.append(event.seq)
        gate.release()
    assert shown == list(await stored_events(house.deps.database, accepted["id"]))


async def test_an_accepted_message_is_durable_before_it_is_acknowledged(house: Palaver, thread: str) -> None:
    house.sim.script(Reply(hold=True))
    accepted = await house.say(thread, "keep this")
    path = house.deps.settings.database.removeprefix("sqlite:///")
    disk: sqlite3.Connection = sqlite.driver().connect(path)
    row = disk.execute("SELECT parts FROM messages WHERE id = ?", (accepted["user_message_id"],)).fetchone()
    assert "keep this" in row[0]
    assert disk.execute("SELECT status FROM turns WHERE id = ?", (accepted["id"],)).fetchone() == ("running",)
    disk.close()
    await house.http.post(f"/api/turns/{accepted['id']}/cancel")
    await house.follow(accepted["id"])


async def test_the_answer_may_be_the_stream_itself(house: Palaver, thread: str) -> None:
    async with house.http.stream(
        "POST",
        f"/api/threads/{thread}/turns",
        json={"input": {"text": "Hello"}},
        headers={"accept": "text/event-stream"},
    ) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        events = whole([event async for event in read_events(response.aiter_bytes())])
        assert response.headers["location"] == f"/api/turns/{events[0].data['turn_id']}/events"
    assert events[-1].type == "turn.completed"


async def test_the_model_hears_the_whole_branch_and_only_the_new_message_is_new(
    house: Palaver, thread: str
) -> None:
    house.sim.script(Reply(text="Blue.", thinking="Hm."), Reply(text="Green.", thinking=""))
    await house.chat(thread, "Which colour?")
    await house.chat(thread, "And another?")
    turns = [
        (turn["role"], [block["text"] for block in turn["content"]])
        for turn in house.sim.requests[-1]["messages"]
    ]
    assert turns == [("user", ["Which colour?"]), ("assistant", ["Blue."]), ("user", ["And another?"])]
    first, second = (request["messages"] for request in house.sim.requests)
    first[-1]["content"][-1].pop("cache_control")
    assert second[: len(first)] == first


@pytest.mark.parametrize(
    ("requested", "model", "tier"),
    [
        (None, "claude-sonnet-5-5", "standard"),
        ("simple", "claude-haiku-5-5", "simple"),
        ("complex", "claude-opus-5-5", "complex"),
        ("claude-haiku-5-5", "claude-haiku-5-5", "simple"),
    ],
)
async def test_the_model_asked_for_answers_and_the_log_says_why(
    house: Palaver, thread: str, requested: str | None, model: str, tier: str
) -> None:
    fields: dict[str, Any] = {} if requested is None else {"model": requested}
    accepted = await house.say(thread, "Hello", **fields)
    events, turn = await finished(house, accepted["id"])
    (route,) = notes(events, "route")
    assert (route["model"], route["tier"]) == (model, tier)
    assert route["reason"]
    assert turn["message"]["model"] == house.sim.requests[-1]["model"] == model


async def test_a_thread_has_one_running_turn(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(gate=gate))
    accepted = await house.say(thread, "first")
    assert (await house.get(f"/api/threads/{thread}"))["running_turn_id"] == accepted["id"]
    second = await house.http.post(f"/api/threads/{thread}/turns", json={"input": {"text": "second"}})
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "thread_busy"
    assert second.headers["x-should-retry"] == "false"
    gate.open()
    await finished(house, accepted["id"])
    assert (await house.get(f"/api/threads/{thread}"))["running_turn_id"] is None
    assert (await house.chat(thread, "second"))["status"] == "completed"
    assert len(await house.messages(thread)) == 4, "the refused message left nothing behind"


async def test_the_words_may_come_as_parts(house: Palaver, thread: str) -> None:
    body = {"input": {"parts": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}}
    accepted = (await house.http.post(f"/api/threads/{thread}/turns", json=body)).json()
    await house.follow(accepted["id"])
    (part,) = (await house.messages(thread))[0]["parts"]
    sent = {name: value for name, value in part.items() if value is not None}
    assert sent == {"type": "text", "text": "one\n\ntwo"}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": {"text": " \n\t "}}, 400, "bad_request", "input.text"),
        ({"input": {"text": "x"}, "model": "gpt"}, 404, "model_not_found", "model"),
        *(
            ({"input": {"text": "x", "message_id": name}}, 400, "bad_request", "input.message_id")
            for name in ("system", "summary", "recall", "recall-instructions", "continue:m")
        ),
        ({"regenerate": "nothing"}, 404, "not_found", "thread"),
        ({"input": {"text": "x"}, "parent_id": "nothing"}, 404, "not_found", "parent_id"),
        ({"input": {"text": "x"}, "regenerate": "m"}, 400, "bad_request", None),
        ({"regenerate": "m", "parent_id": None}, 400, "bad_request", None),
        ({}, 400, "bad_request", None),
    ],
)
async def test_what_cannot_be_answered_is_refused_and_leaves_nothing(
    house: Palaver, thread: str, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await house.http.post(f"/api/threads/{thread}/turns", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    if param != "thread":
        assert answer.json()["error"]["param"] == param
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404
    assert house.sim.requests == []


async def test_a_message_too_long_for_the_model_is_refused_before_anything_is_stored(
    house: Palaver, thread: str
) -> None:
    # 400,000 characters of rare letters are more tokens than the million a model holds.
    answer = await house.http.post(f"/api/threads/{thread}/turns", json={"input": {"text": "ꙮ" * 340_000}})
    assert answer.status_code == 413, answer.text
    assert answer.json()["error"]["code"] == "context_too_long"
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404


async def test_a_turn_tells_what_its_request_was_made_of(house: Palaver, thread: str) -> None:
    turn = await house.chat(thread, "Hello")
    plan = (await house.get(f"/api/turns/{turn['id']}/context"))["plan"]
    assert plan["recipe"]["first_message_id"] == plan["recipe"]["last_message_id"] == turn["user_message_id"]
    assert plan["prompt"] == {"name": "assistant", "version": 1}
    assert set(plan["reasons"]) == {
        "route",
        "window",
        "summary",
        "cache",
        "system",
        "breakpoints",
        "recall",
        "compaction",
    }
    actual_usage = turn["usage"]["input_tokens"]
    assert abs(plan["estimate"]["total"] - actual_usage) <= 20 + 0.2 * actual_usage


async def test_the_provider_learns_an_opaque_name_of_the_user(house: Palaver, thread: str) -> None:
    await house.chat(thread, "Hello")
    reference = house.sim.requests[-1]["metadata"]["user_id"]
    assert LOCAL not in reference
    assert len(reference) >= 32


async def test_text_no_database_can_hold_is_made_harmless(house: Palaver, thread: str) -> None:
    house.sim.script(Reply(text="a\x00b and \ufffd", thinking=""))
    accepted = await house.say(thread, "Hello")
    _, turn = await finished(house, accepted["id"])
    assert answer_text(turn["message"]) == "a\ufffdb and \ufffd"


async def test_events_and_deltas_nobody_knows_yet_are_tolerated(house: Palaver, thread: str) -> None:
    house.sim.script(Reply(text="Still here.", odd_events=True))
    accepted = await house.say(thread, "Hello")
    _, turn = await finished(house, accepted["id"])
    assert (turn["status"], answer_text(turn["message"])) == ("completed", "Still here.")


async def test_many_threads_answer_at_once_and_never_mix(house: Palaver, thread: str) -> None:
    house.sim.respond(
        lambda request: Reply(text=f"echo {request['messages'][-1]['content'][0]['text']}", chunk=3)
    )
    accepted = [await house.say(f"{thread}-{n}", f"mark{n}") for n in range(12)]
    for n, reply in enumerate(accepted):
        _, turn = await finished(house, reply["id"])
        assert answer_text(turn["message"]) == f"echo mark{n}"
