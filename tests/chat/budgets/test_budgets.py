"""Budgets on the way of a turn: refused at the door, made smaller, set aside and settled to the last picodollar."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from chat.cli.doctor import _budgets
from context.models.pricing import pico, price
from store.local_user import LOCAL
from store.sqlite_database import SqliteDatabase
from tests.chat.auth.tokens import ADA, BOB, GRANTED, client
from tests.chat.budgets.spending import budget, counted, spent
from tests.chat.outcomes import finished, ledger, notes
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver, settings_for
from tests.upstream import Reply, Simulator, faults


@contextmanager
def statements(app: Palaver) -> Iterator[list[str]]:
    """Everything the database is told meanwhile."""
    executed: list[str] = []

    def saw(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        executed.append(statement)

    database = app.deps.database._database
    assert isinstance(database, SqliteDatabase)
    engine = database._file._engine  # of the connections that read, too
    event.listen(engine, "before_cursor_execute", saw)
    yield executed
    event.remove(engine, "before_cursor_execute", saw)


async def test_what_is_used_is_what_the_ledger_says_and_nothing_stays_set_aside(
    sim: Simulator, tmp_path: Path
) -> None:
    budgets = [
        budget(5),
        budget(5, scope="deployment", period="month"),
        budget(10**7, scope="thread", unit="tokens"),
        budget(50, scope="tier", unit="requests"),
        budget(50, scope="model", name="claude-sonnet-5-5"),
        budget(50, unit="requests", period="minute"),
    ]
    async with palaver(tmp_path, sim, budgets=budgets, titles="model", clock=QuickClock()) as app:
        sim.script(Reply(), faults.overloaded(), Reply(), faults.eof_after("Thr"), when=lambda request: request["max_tokens"] > 2_000)  # fmt: skip
        for words in ("One", "Two", "Three"):
            await app.chat("t", words)
        await app.deps.runner.stop()
        await app.deps.scheduler.stop()
        entries = await ledger(app, (await app.messages("t"))[-1]["turn_id"])
        assert any(entry.estimated for entry in entries), "a cut answer counts what is known of it"
        whole, counters = await spent(app.deps.database), await counted(app.deps.database)
        assert {key.rsplit("|", 1)[0]: value for key, value in counters.items()} == {
            "deployment|usd": (whole["usd"], 0),
            "model:claude-sonnet-5-5|usd": (counters["model:claude-sonnet-5-5|usd|day"][0], 0),
            f"thread:{LOCAL}/t|tokens": (whole["tokens"], 0),
            "tier:standard|requests": (3, 0),
            f"user:{LOCAL}|requests": (3, 0),
            f"user:{LOCAL}|usd": (whole["usd"], 0),
        }
        assert 0 < counters["model:claude-sonnet-5-5|usd|day"][0] < whole["usd"], "the title is Haiku's"


async def test_without_budgets_nothing_more_is_asked_of_the_database(sim: Simulator, tmp_path: Path) -> None:
    async with palaver(tmp_path, sim) as app:
        await app.chat("t", "Warm up")
        await asyncio.wait(
            app.stop_leases()
        )  # they look for abandoned calls every two seconds, whatever the turn does
        with statements(app) as executed:
            await app.chat("t", "Hello")
        assert not [statement for statement in executed if "budgets" in statement]
        assert sum("open_calls" in statement for statement in executed) == 2, "noted and closed"
        assert not [statement for statement in executed if "usage.id IN" in statement], (
            "nothing is looked up to be corrected"
        )


async def test_money_that_is_gone_refuses_at_the_door_and_stores_nothing(
    sim: Simulator, tmp_path: Path
) -> None:
    async with palaver(tmp_path, sim, budgets=[budget("0.001"), budget(9, unit="tokens", scope="thread", name="x")]) as app:  # fmt: skip
        body = {"input": {"text": "Hello"}}
        refused = await app.http.post("/api/threads/t/turns", json=body)
        assert refused.status_code == 402
        error = refused.json()["error"]
        assert (error["code"], error["type"], error["retryable"]) == (
            "budget_exceeded",
            "billing_error",
            True,
        )
        assert error["budget"]["resets_at"].endswith("T00:00:00.000Z")
        assert {**error["budget"], "resets_at": ""} == {"scope": "user", "unit": "usd", "period": "day", "resets_at": ""}  # fmt: skip
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert error["message"].startswith("your daily money budget is used up; it resets at ")
        assert (await app.get("/api/threads"))["threads"] == []
        assert not sim.requests
        other = await app.http.post("/api/threads/x/turns", json=body)
        assert other.status_code in (402, 429)


async def test_requests_are_counted_when_a_turn_is_accepted(sim: Simulator, tmp_path: Path) -> None:
    async with palaver(tmp_path, sim, budgets=[budget(2, unit="requests", period="month")]) as app:
        first = await app.say("t", "One", headers={"idempotency-key": "1"})
        again = await app.say("t", "One", headers={"idempotency-key": "1"})
        assert first["id"] == again["id"]
        await app.follow(first["id"])
        await app.chat("t", "Two")
        refused = await app.http.post("/api/threads/t/turns", json={"input": {"text": "Three"}})
        assert refused.status_code == 429
        assert refused.headers["x-should-retry"] == "false"
        assert refused.json()["error"]["budget"]["unit"] == "requests"
        assert len(await app.messages("t")) == 4
        (row,) = (await app.get("/api/budgets"))["budgets"]
        assert (row["used"], row["limit"], row["reserved"]) == ("2", "2", "0")


async def test_an_answer_becomes_shorter_then_of_a_cheaper_tier_and_says_why(
    sim: Simulator, tmp_path: Path
) -> None:
    # Room for about 6,000 tokens of the complex tier's answer.
    async with palaver(tmp_path, sim, budgets=[budget("0.16", degrade_at=1.0)]) as app:
        accepted = await app.say("t", "Prove it.", model="complex")
        events, turn = await finished(app, accepted["id"])
        assert turn["status"] == "completed"
        (note,) = notes(events, "budget")
        sent = sim.requests[-1]
        assert sent["model"] == note["model"] == "claude-opus-5-5"
        assert 2_048 <= sent["max_tokens"] == note["max_tokens"] < 16_000
        assert "your daily money budget" in note["reason"]
    async with palaver(tmp_path / "two", sim, budgets=[budget("0.03", degrade_at=1.0)]) as app:
        accepted = await app.say("t", "Prove it.", model="complex")
        events, turn = await finished(app, accepted["id"])
        assert turn["status"] == "completed"
        assert sim.requests[-1]["model"] != "claude-opus-5-5"
        assert [note["tier"] for note in notes(events, "route")] == [
            "complex",
            notes(events, "budget")[0]["tier"],
        ]
        plan = (await app.get(f"/api/turns/{turn['id']}/context"))["plan"]
        assert plan["route"]["model"] == sim.requests[-1]["model"]
        assert plan["reasons"]["budget"] == notes(events, "budget")[0]["reason"]
        exact = await app.get(f"/api/turns/{turn['id']}/request")
        assert exact["exact"], "what was made smaller is rebuilt as it was sent"


async def test_what_no_longer_fits_fails_in_words_and_keeps_the_question(
    sim: Simulator, tmp_path: Path
) -> None:
    long = "word " * 60_000
    async with palaver(tmp_path, sim, budgets=[budget(40_000, unit="tokens")]) as app:
        accepted = await app.say("t", long)
        _, turn = await finished(app, accepted["id"])
        assert turn["error"]["code"] == "budget_exceeded"
        assert "your daily token budget" in turn["error"]["message"].lower()
        assert not sim.requests
        assert await counted(app.deps.database) == {f"user:{LOCAL}|tokens|day": (0, 0)}
        assert await ledger(app, turn["id"]) == [], "a call that was not made is not in the ledger"


async def test_side_calls_that_do_not_fit_are_not_made(sim: Simulator, tmp_path: Path) -> None:
    tiny = [budget("0.000001", scope="tier", name="simple")]
    async with palaver(tmp_path, sim, budgets=tiny, titles="model", default_tier="complex") as app:
        turn = await app.chat("t", "Hello there")
        await app.deps.runner.stop()
        await app.deps.scheduler.stop()
        assert turn["status"] == "completed"
        assert [request["model"] for request in sim.requests] == ["claude-opus-5-5"]
        assert (await app.get("/api/threads/t"))["title"] == "Hello there"


async def test_a_crash_settles_what_was_set_aside_and_a_late_exact_row_corrects_it(
    sim: Simulator, tmp_path: Path
) -> None:
    from functools import partial

    from chat.calls import ledger as books
    from chat.calls.record import CallContext, Size
    from store.ledger import open_calls

    async with palaver(tmp_path, sim, budgets=[budget(5), budget(99, scope="tier", unit="requests")]) as app:
        caller, database = app.deps.runtime.caller, app.deps.database
        call_context = CallContext(owner_id=LOCAL, thread_id="t", purpose="reply")
        record = caller.record(
            call_context,
            model="claude-sonnet-5-5",
            tier="standard",
            size=Size(prompt=100, bound=200, output=1_000, fresh=100, answer=50),
        )
        await caller._open_call(record)
        worst = 200 * 4_000_000 + 1_000 * 10_000_000
        assert await counted(app.deps.database) == {"tier:standard|requests|day": (0, 1), f"user:{LOCAL}|usd|day": (0, worst)}  # fmt: skip
        await books.close_abandoned(database, record.created_at + 1, local=False)
        estimated = await spent(app.deps.database)
        assert (await counted(app.deps.database))[f"user:{LOCAL}|usd|day"] == (estimated["usd"], 0)
        record.call.upstream_id, record.call.model = "msg_late", "a gateway's own name for it"
        record.call.decoder.set_usage(b'{"input_tokens": 120, "output_tokens": 30}')
        record.end("ok", 1.0)
        row = books.entry(record, local=False)
        assert row.cost == price("claude-sonnet-5-5", row.usage) != 0, "the model that was asked has a price"
        await database.write(partial(books.keep, rows=[row]))
        exact = await spent(app.deps.database)
        assert exact != estimated
        assert exact["usd"] == pico(row.cost or Decimal(0))
        assert await counted(app.deps.database) == {"tier:standard|requests|day": (1, 0), f"user:{LOCAL}|usd|day": (exact["usd"], 0)}  # fmt: skip
        abandoned = partial(open_calls.abandoned, before=record.created_at + 1, limit=9)
        assert await database.read(abandoned) == []


async def test_everybody_sees_what_they_spend_from_and_no_figures_of_the_others(
    sim: Simulator, tmp_path: Path
) -> None:
    budgets = [
        budget(3),
        budget(90, scope="deployment", period="month"),
        budget(7, scope="thread", unit="requests"),
        budget(5, scope="user", name="bob", unit="requests"),
    ]
    async with palaver(tmp_path, sim, budgets=budgets, tokens=GRANTED) as app:
        async with client(app, ADA) as ada, client(app, BOB) as bob:
            accepted = await ada.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})
            await ada.get(f"/api/turns/{accepted.json()['id']}/events")
            hers, his = [(await person.get("/api/budgets")).json()["budgets"] for person in (ada, bob)]
            mine = {row["scope"]: row for row in hers}
            assert {row["scope"] for row in hers} == {"user", "deployment"}
            assert 0 < float(mine["user"]["used"]) < 3
            assert mine["user"]["limit"] == "3.000000000000"
            assert [mine["deployment"][name] for name in ("limit", "used", "reserved")] == [None] * 3
            assert mine["deployment"]["resets_at"].endswith("-01T00:00:00.000Z")
            assert {row["used"] for row in his} == {"0.000000000000", None, "0"}
            thread = (await ada.get("/api/budgets", params={"thread_id": "t"})).json()["budgets"]
            assert ("thread", "t", "1") in {(row["scope"], row["name"], row["used"]) for row in thread}
            foreign = await bob.get("/api/budgets", params={"thread_id": "t"})
            unknown = await bob.get("/api/budgets", params={"thread_id": "no-such"})
            assert foreign.status_code == unknown.status_code == 404


@pytest.mark.parametrize(
    ("model", "unit", "state"),
    [("claude-opus-5-5", "usd", "good"), ("our-own", "usd", "note"), ("our-own", "tokens", "good")],
)
def test_the_doctor_says_which_model_no_money_budget_lets_answer(
    sim: Simulator, tmp_path: Path, model: str, unit: str, state: str
) -> None:
    settings = settings_for(tmp_path, sim, model_complex=model, budgets=[budget(9, unit=unit)])
    (finding,) = _budgets(settings)
    assert finding.state == state
    assert ("our-own" in finding.says) == (state == "note")


async def test_a_budget_is_named_as_the_model_is(sim: Simulator, tmp_path: Path) -> None:
    budgets = [budget(9, scope="model", unit="requests"), budget(9, scope="thread", unit="requests")]
    async with palaver(tmp_path, sim, budgets=budgets, model_simple="maker/small") as app:
        await app.chat("t", "Hello")
        rows = (await app.get("/api/budgets", thread_id="t"))["budgets"]
        assert {row["name"] for row in rows} == {"maker/small", "claude-sonnet-5-5", "claude-opus-5-5", "t"}
