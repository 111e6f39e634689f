"""Keeping a cached prefix alive while nobody writes: where it is worth it, and never where it is not."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from chat.background import keepalive_cap
from chat.background.keepalive_cap import KeepaliveCap
from context.policy import DEFAULT
from store import cache_states, learned_stats
from store.cache_states import StoredCacheState
from tests.chat.background.idle import PAUSE, present, used_to
from tests.chat.talk import START, Talk, converses, talk, talking
from tests.upstream import Reply, SimClock, Simulator, faults


async def renewed(chat: Talk) -> list[int]:
    """What each keep-alive so far cost, in picodollars."""
    return [row["cost_pico"] for row in await chat.spent() if row["purpose"] == "keepalive"]


async def test_a_prefix_worth_it_is_renewed_and_the_next_turn_reads_it(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        last = chat.asked()[-1]
        before = len(chat.touches())
        await chat.rest(PAUSE)
        (touch,) = chat.touches()[before:]
        assert touch.status == 200
        assert (touch.json["max_tokens"], touch.json.get("stream", False)) == (0, False)
        assert touch.json["messages"] == last.json["messages"], "the very prefix, byte for byte"
        prefix = last.kinds["cache_read"] + last.kinds["write_5m"] + last.kinds["write_1h"]
        assert touch.kinds["cache_read"] == prefix
        assert (touch.kinds["write_5m"], touch.kinds["write_1h"], touch.kinds["output"]) == (0, 0, 0)
        await chat.say("I am back.")
        assert chat.asked()[-1].kinds["cache_read"] == prefix, "though the pause was longer than its life"


async def test_keep_alives_have_their_own_purpose_in_the_ledger(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        await chat.rest(PAUSE)
        rows = [row for row in await chat.spent() if row["purpose"] == "keepalive"]
        assert len(rows) == len(chat.touches()) > 0
        for row, entry in zip(rows, chat.touches(), strict=True):
            assert (row["thread_id"], row["turn_id"], row["outcome"]) == ("t", None, "ok")
            assert (row["cache_read"], row["input"], row["output"]) == (
                entry.kinds["cache_read"], entry.kinds["input"], 0,
            )  # fmt: skip
            assert row["upstream_id"] == entry.message_id
            assert row["cost_pico"] > 0
        last = (await chat.app.messages("t"))[-1]
        calls = (await chat.app.get(f"/api/turns/{last['turn_id']}/context"))["calls"]
        assert {call["purpose"] for call in calls} == {"reply"}, "a turn's bill is its own"


async def test_they_end_when_nobody_comes_back(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        before = len(chat.touches())
        await chat.rest(86_400)
        sent = len(chat.touches()) - before
        assert 1 <= sent <= DEFAULT.max_keepalives_5m
        await chat.rest(7 * 86_400)
        assert len(chat.touches()) - before == sent, "what is dead stays dead"
        assert (await chat.say("I am back."))["status"] == "completed"


async def test_a_page_that_is_gone_is_waited_for_less_than_one_that_is_looked_at(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    for state in ("visible", "gone"):
        async with talk(tmp_path / state) as chat:
            await used_to(chat, 60, state)
            assert chat.touches() == []
            await chat.rest(3_000)
            sent[state] = len(chat.touches())
    assert sent["visible"] > 1 >= sent["gone"]


async def test_what_a_page_said_long_ago_no_longer_counts(tmp_path: Path) -> None:
    sent: list[int] = []
    for reported in (True, False):
        async with talk(tmp_path / str(reported)) as chat:
            await chat.many(8, length=500, pause=60)
            if reported:
                await present(chat, "visible")
            chat.clock.advance(1_000)
            await chat.many(3, length=500, pause=60)
            await chat.rest(3_000)
            sent.append(len(chat.touches()))
    assert sent[0] == sent[1]


async def test_an_archived_thread_is_let_go(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        before = len(chat.touches())
        await chat.app.http.patch("/api/threads/t", json={"archived": True})
        await chat.rest(PAUSE)
        assert len(chat.touches()) == before > 0


async def test_a_deleted_thread_is_let_go(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        before = len(chat.touches())
        assert (await chat.app.http.delete("/api/threads/t")).status_code == 204
        await chat.rest(PAUSE)
        assert len(chat.touches()) == before


async def test_they_can_be_switched_off(tmp_path: Path) -> None:
    async with talk(tmp_path, keepalives=False) as chat:
        await used_to(chat, PAUSE)
        await chat.rest(3_600)
        assert chat.touches() == []


async def test_a_thread_s_renewals_cost_no_more_in_a_day_than_they_may(tmp_path: Path) -> None:
    async with talk(tmp_path, keepalive_usd_per_thread="0.001") as chat:
        await used_to(chat, PAUSE, turns=14)
        sent = await renewed(chat)
        assert sent
        assert 5 * 10**8 < sum(sent) <= 10**9, "some, and not one too many"
        chat.clock.advance(86_400)
        await used_to(chat, PAUSE, turns=3)
        assert len(await renewed(chat)) > len(sent), "the next day has its own"


async def test_all_renewals_cost_no_more_in_a_day_than_they_may(tmp_path: Path) -> None:
    async with talk(tmp_path, keepalive_usd_per_day="0.001") as chat:
        for thread in ("t", "u"):
            chat.thread = thread
            await used_to(chat, PAUSE, turns=10)
        sent = await renewed(chat)
        assert 5 * 10**8 < sum(sent) <= 10**9, "both threads together"
        chat.clock.advance(86_400)
        await used_to(chat, PAUSE, turns=3)
        assert len(await renewed(chat)) > len(sent)


async def only_cache_state(chat: Talk) -> StoredCacheState:
    """The one there is."""
    (stored,) = await chat.app.deps.database.read(
        lambda connection: cache_states.due(
            connection, chat.app.deps.runtime.clock.now() + keepalive_cap.DAY, limit=9
        )
    )
    return stored


async def test_renewals_of_a_thread_that_are_due_together_count_each_other(tmp_path: Path) -> None:
    cap = KeepaliveCap(thread=100, total=0)
    async with talk(tmp_path) as chat:
        await chat.many(1)
        database, now = chat.app.deps.database, chat.app.deps.runtime.clock.now()
        first = await only_cache_state(chat)
        second = replace(first, cache_state=replace(first.cache_state, model="another"))
        answers = [
            await database.write(
                partial(keepalive_cap.reserve, stored=stored, cost=60, cap=cap, now=now, next_at=now)
            )
            for stored in (first, second)
        ]
        assert answers[0] is None
        assert answers[1] is not None, "the other one has not been billed yet"


@pytest.mark.parametrize(("days", "left"), [(0, 10), (1, 70)])
async def test_a_bill_takes_the_place_of_what_was_reserved_that_day(
    tmp_path: Path, days: int, left: int
) -> None:
    cap = KeepaliveCap(thread=0, total=0)
    async with talk(tmp_path) as chat:
        await chat.many(1)
        database, now = chat.app.deps.database, chat.app.deps.runtime.clock.now()
        stored = await only_cache_state(chat)
        for day in {0, days}:
            at = now + day * keepalive_cap.DAY
            reserve = partial(keepalive_cap.reserve, stored=stored, cost=70, cap=cap, now=at, next_at=at)
            assert await database.write(reserve) is None
        await database.write(partial(keepalive_cap.settle, reserved=70, cost=10, reserved_at=now))
        value = await database.read(lambda connection: learned_stats.get(connection, keepalive_cap.NAME))
        assert value == {"day": now // keepalive_cap.DAY + days, "pico_usd": left}


async def test_what_was_folded_away_since_is_not_renewed(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE, turns=14)
        await chat.app.http.post("/api/threads/t/summary/compact")
        before = len(chat.touches())
        await chat.rest(PAUSE)
        assert before > 0, "until then it was renewed in every pause"
        assert chat.touches()[before:] == []


@pytest.mark.parametrize("fault", [faults.rate_limited(30), faults.overloaded(), faults.no_response()])
async def test_one_that_fails_is_not_repeated(tmp_path: Path, fault: Reply) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        before = len(chat.touches())
        chat.sim.script(fault, when=lambda request: not converses(request) and request["max_tokens"] == 0)
        await chat.rest(3_600)
        assert len(chat.touches()) == before + 1
        row = [row for row in await chat.spent() if row["purpose"] == "keepalive"][-1]
        assert row["outcome"] != "ok"
        assert (row["input"], row["cache_read"], row["output"]) == (0, 0, 0)
        turn = await chat.say("I am back.")
        assert turn["status"] == "completed"
        calls = (await chat.app.get(f"/api/turns/{turn['id']}/context"))["calls"]
        assert calls[0]["cache_miss"] is None, "nobody counted on an entry that was not renewed"


async def test_a_thread_that_is_being_answered_is_left_alone(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE)
        before = len(chat.touches())
        gate = chat.sim.gate()
        chat.sim.script(Reply(text="At last.", gate=gate), when=converses)
        accepted = await chat.app.say("t", "A long one")
        await gate.reached()
        due = await chat.due()
        assert due is not None
        chat.clock.advance(due - chat.clock.now)
        await chat.app.deps.keepalives.start_due()
        await chat.app.deps.scheduler.settled()
        assert len(chat.touches()) == before
        gate.open()
        await chat.app.follow(accepted["id"])
        await chat.settled()


async def test_a_restart_forgets_no_lane(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        async with talking(tmp_path, sim) as chat:
            await used_to(chat, PAUSE)
            before = len(chat.touches())
        async with talking(tmp_path, sim) as chat:
            await present(chat, "visible")
            await chat.rest(PAUSE)
            assert len(chat.touches()) == before + 1
            await chat.say("I am back.")
            assert chat.asked()[-1].kinds["cache_read"] > 1_000


async def test_none_is_sent_while_the_model_has_trouble_or_others_wait(tmp_path: Path) -> None:
    async with talk(tmp_path, fallback=False) as chat:
        await used_to(chat, PAUSE)
        chat.sim.script(faults.overloaded(should_retry=False))
        await chat.app.chat("other", "Hello")
        before = len(chat.touches())
        await chat.rest(PAUSE)
        assert len(chat.touches()) == before, "a model that is overloaded has more important things to do"
        assert [row["purpose"] for row in await chat.spent()].count("keepalive") == before
