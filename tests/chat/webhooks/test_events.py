"""Each event is posted with ids, status and usage, signed; texts only where an endpoint asks for them."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chat.config.webhooks import EVENTS
from tests.chat.talk import talk
from tests.chat.webhooks.receiver import receiver
from tests.clocks import QuickClock
from tests.markdown import rows
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

README = Path("chat/webhooks/README.md")


def documented() -> dict[str, set[str]]:
    """The fields of each event's data, as the README has them."""
    table = [row for row in rows(README.read_text()) if row[0].strip("`") in EVENTS]
    return {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in table}


def check_fields(payload: dict[str, Any]) -> dict[str, Any]:
    """The data of a payload, which has exactly the fields that are documented."""
    assert payload.keys() == {"type", "timestamp", "data"}
    data: dict[str, Any] = payload["data"]
    assert data.keys() == documented()[payload["type"]]
    return data


def test_every_event_is_documented() -> None:
    assert list(documented()) == list(EVENTS)


async def outbox(app: Palaver) -> list[Any]:
    query = text("SELECT endpoint, event, body, status FROM webhook_deliveries ORDER BY created_at, id")
    return list(await app.deps.database.read(lambda connection: connection.execute(query).all()))


async def test_a_turn_is_posted_and_forgotten_and_its_end_is_reported(sim: Simulator, tmp_path: Path) -> None:
    sim.script(Reply(text="A planted answer"))
    async with receiver() as hook, palaver(tmp_path, sim, webhooks=[hook.setting()]) as app:
        accepted = await app.say("t", "A planted question", feature="support")
        created, completed = sorted(await hook.received(2), key=lambda body: str(body["type"]))
        assert check_fields(created) == {"user": "local", "thread_id": "t"}
        turn = await app.turn(accepted["id"])
        data = check_fields(completed)
        assert data == {
            "user": "local",
            "thread_id": "t",
            "turn_id": turn["id"],
            "user_message_id": turn["user_message_id"],
            "message_id": turn["message_id"],
            "feature": "support",
            "model": turn["message"]["model"],
            "finish_reason": "stop",
            "usage": {name: value for name, value in turn["usage"].items() if value is not None},
            "cost_usd": turn["message"]["cost_usd"],
        }
        assert not any(b"planted" in body for _, body in hook.got)
        assert len(set(hook.ids)) == 2


async def test_a_turn_that_fails_or_is_cancelled_is_reported_as_that(sim: Simulator, tmp_path: Path) -> None:
    gate = sim.gate()
    sim.script(faults.http_error(400, "invalid_request_error", "No."), Reply(text="one two three", gate=gate))
    async with (
        receiver() as hook,
        palaver(tmp_path, sim, webhooks=[hook.setting(events=["turn.*"])], fallback=False) as app,
    ):
        failing = await app.chat("t", "Hello")
        failed = check_fields(await hook.received_type("turn.failed"))
        assert (failed["turn_id"], failed["error"]) == (
            failing["id"],
            {"code": failing["error"]["code"], "retryable": failing["error"]["retryable"]},
        )
        running = await app.say("t", "Again")
        await app.http.post(f"/api/turns/{running['id']}/cancel")
        cancelled = check_fields(await hook.received_type("turn.cancelled"))
        assert cancelled["turn_id"] == running["id"]
        gate.open()
        assert hook.types == ["turn.failed", "turn.cancelled"], "no other events"


async def test_texts_are_sent_where_they_are_asked_for_but_not_stored(sim: Simulator, tmp_path: Path) -> None:
    sim.script(Reply(text="A planted answer"))
    async with receiver() as first, receiver() as second:
        settings = [
            first.setting("with", include_text=True, events=["turn.completed"]),
            second.setting("without", events=["turn.completed"]),
        ]
        async with palaver(tmp_path, sim, webhooks=settings) as app:
            await app.chat("t", "Hello")
            (told,), (other,) = await first.received(1), await second.received(1)
            assert told["data"].pop("text") == "A planted answer"
            assert told == other
            stored = await outbox(app)
            assert [row.endpoint for row in stored] == ["with", "without"]
            assert not any("planted" in row.body for row in stored)


async def test_a_text_that_was_deleted_meanwhile_is_not_sent(sim: Simulator, tmp_path: Path) -> None:
    clock = QuickClock()
    async with receiver(500) as hook:
        setting = hook.setting(include_text=True, events=["turn.completed"])
        async with palaver(tmp_path, sim, clock=clock, webhooks=[setting]) as app:
            await app.chat("t", "Hello")
            assert "text" in (await hook.received(1))[0]["data"]
            assert (await app.http.delete("/api/threads/t")).status_code == 204
            clock.ahead += 60_000
            assert "text" not in (await hook.received(2))[1]["data"]


async def test_a_rating_is_reported_when_it_changes(sim: Simulator, tmp_path: Path) -> None:
    async with (
        receiver() as hook,
        palaver(tmp_path, sim, webhooks=[hook.setting(events=["feedback"])]) as app,
    ):
        turn = await app.chat("t", "Hello")
        path = f"/api/messages/{turn['message_id']}/feedback"
        for rating in ("up", "up", "down", None):
            assert (await app.http.put(path, json={"rating": rating})).status_code == 200
        reported = sorted(await hook.received(3), key=lambda body: str(body["timestamp"]))
        assert sorted(str(body["data"]["rating"]) for body in reported) == ["None", "down", "up"]
        data = check_fields(reported[0])
        assert (data["turn_id"], data["message_id"], data["thread_id"]) == (
            turn["id"],
            turn["message_id"],
            "t",
        )
        assert (await app.http.put("/api/messages/none/feedback", json={"rating": "up"})).status_code == 404
        assert len(await outbox(app)) == 3


async def test_a_thread_is_reported_once_whoever_creates_it(sim: Simulator, tmp_path: Path) -> None:
    async with (
        receiver() as hook,
        palaver(tmp_path, sim, webhooks=[hook.setting(events=["thread.*"])]) as app,
    ):
        for _ in range(2):
            await app.http.post("/api/threads", json={"id": "made", "title": "A planted title"})
        await app.chat("made", "Hello")
        await app.chat("spoken", "Hello")
        reported = [check_fields(body) for body in await hook.received(2)]
        assert sorted(data["thread_id"] for data in reported) == ["made", "spoken"]
        assert len(await outbox(app)) == 2


async def test_a_compaction_is_reported_with_its_summary(tmp_path: Path) -> None:
    async with receiver() as hook:
        setting = hook.setting(events=["thread.compacted"])
        async with talk(tmp_path, window_tokens=1_000, webhooks=[setting]) as chat:
            for number in range(30):
                await chat.many(1, first=number, length=100)
                summary = await chat.summary()
                if summary["id"] is not None:
                    break
            data = check_fields((await hook.received(1))[0])
            assert (data["user"], data["thread_id"], data["summary_id"], data["upto_message_id"]) == (
                "local", "t", summary["id"], summary["upto_message_id"],
            )  # fmt: skip


async def test_without_an_endpoint_that_wants_it_nothing_is_written(sim: Simulator, tmp_path: Path) -> None:
    async with (
        receiver() as hook,
        palaver(tmp_path, sim, webhooks=[hook.setting(events=["budget.*"])]) as app,
    ):
        await app.chat("t", "Hello")
        assert await outbox(app) == []


async def test_a_receiver_that_does_not_answer_keeps_no_turn_waiting(sim: Simulator, tmp_path: Path) -> None:
    async with receiver() as dead, receiver() as alive:
        dead.held = asyncio.Event()
        settings = [dead.setting("dead"), alive.setting("alive", events=["turn.completed"])]
        async with palaver(tmp_path, sim, webhooks=settings) as app:
            for number in range(3):
                turn = await app.chat(f"t{number}", "Hello")
                assert turn["status"] == "completed"
            await alive.received(3)
            assert {row.status for row in await outbox(app) if row.endpoint == "dead"} == {"waiting"}


@pytest.mark.parametrize(
    "secret", ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "sixteen characters or more: é"]
)
async def test_a_secret_may_be_base64_or_any_text(sim: Simulator, tmp_path: Path, secret: str) -> None:
    async with receiver(secret=secret) as hook, palaver(tmp_path, sim, webhooks=[hook.setting()]) as app:
        await app.chat("t", "Hello")
        await hook.received_type("turn.completed")
