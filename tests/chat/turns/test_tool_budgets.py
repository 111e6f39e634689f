"""What a turn with searches sets aside and uses of budgets: tokens of every round, one request of its tier, each call of its model."""

from pathlib import Path

from sqlalchemy import text

from tests.chat.outcomes import finished, notes
from tests.chat.talk import FACT, Talk, actual_usage, ask, converses, search, talk
from tests.upstream import Reply


async def test_what_is_set_aside_covers_what_a_search_brought_in_any_script(tmp_path: Path) -> None:
    fact = "bicycle: " + "自行车锁在图书馆后面的栏杆上密码是四四一七请不要忘记" * 20
    budgets = [{"scope": "thread", "unit": "tokens", "period": "month", "limit": "10000000"}]
    async with talk(tmp_path, window_tokens=1_000, budgets=budgets) as chat:
        await chat.say(fact)
        await chat.many(6, length=120)
        used = (await set_aside(chat))[0]
        chat.sim.script(search("bicycle"), Reply(text="It is 4417.", thinking="", hold=True), when=converses)
        accepted = await chat.app.say("t", "What was it again?")
        await chat.sim.held.reached()
        first, second = chat.asked()[-2:]
        now_used, reserved = await set_aside(chat)
        chat.sim.held.open()
        await finished(chat.app, accepted["id"])
        await chat.settled()
        assert now_used - used == actual_usage(first).total
        assert "自行车" in str(second.json["messages"][-1])
        assert actual_usage(second).prompt <= reserved - second.json["max_tokens"]


async def test_a_turn_with_searches_is_one_request_of_its_tier_and_several_of_its_model(
    tmp_path: Path,
) -> None:
    budgets = [
        {"scope": "tier", "name": "standard", "unit": "requests", "period": "month", "limit": 8},
        {"scope": "model", "name": "claude-sonnet-5-5", "unit": "requests", "period": "month", "limit": 99},
        {"scope": "user", "unit": "requests", "period": "month", "limit": 99},
    ]
    async with talk(tmp_path, window_tokens=1_000, budgets=budgets) as chat:
        await chat.say(FACT)
        await chat.many(6, length=120)

        async def stand() -> dict[str, int]:
            rows = (await chat.app.get("/api/budgets", thread_id="t"))["budgets"]
            return {each["scope"]: int(each["used"]) for each in rows}

        before = await stand()
        assert before["tier"] == before["user"] == 7
        events, turn, calls = await ask(chat, search("bicycle"), search("library"), Reply(text="4417."))
        assert (turn["status"], len(calls)) == ("completed", 3), (
            "the last request of the tier has all its calls"
        )
        assert notes(events, "budget") == []
        after = await stand()
        assert {scope: after[scope] - before[scope] for scope in after} == {"tier": 1, "user": 1, "model": 3}
        await chat.app.deps.database.write(lambda connection: connection.execute(text("DELETE FROM budgets")))
        assert await stand() == after, (
            "counters that begin in the middle of a month find the same in the ledger"
        )
        assert (await chat.say("And now?"))["message"]["model"] == "claude-haiku-5-5", "the tier has no more"


async def set_aside(chat: Talk) -> tuple[int, int]:
    """What the thread's budget has used, and what is set aside of it."""
    (row,) = (await chat.app.get("/api/budgets", thread_id="t"))["budgets"]
    return int(row["used"]), int(row["reserved"])
