"""The bill is estimated: what a plan predicts is what the provider charges, and what it charges is what the ledger says."""

import random
from pathlib import Path

from context.models.pricing import Usage, price, usd
from tests.chat.calls.billed import WORDS, chatty, missed, replies
from tests.chat.talk import START, Talk, talking
from tests.upstream import SimClock, Simulator
from tests.upstream.cache import PromptCache

KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h")


async def mixed(chat: Talk, turns: int, seed: int = 5) -> None:
    """Turns of all sizes, in bursts with long pauses between them."""
    chance = random.Random(seed)
    for number in range(turns):
        words = " ".join(chance.choice(WORDS) for _ in range(chance.randint(5, 60)))
        turn = await chat.say(f"{number}: {words}")
        assert turn["status"] == "completed", turn["error"]
        await chat.rest(
            chance.expovariate(1 / 40) if chance.random() < 0.75 else chance.expovariate(1 / 8_000)
        )


async def test_the_kinds_foreseen_are_the_kinds_billed(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim, talking(tmp_path, sim) as chat:
        sim.respond(chatty(3))
        await mixed(chat, 60)
        rows = await replies(chat)
        assert len(rows) == 60
        assert not missed(rows)
        wrong = prompt = 0
        for row in rows:
            wrong += sum(abs(row["estimated_usage"][kind] - row[kind]) for kind in KINDS) // 2
            prompt += sum(row[kind] for kind in KINDS)
        assert wrong <= 0.05 * prompt, (wrong, prompt)
        assert sum(row["cache_read"] for row in rows) > 0.4 * prompt, "or there was little to foresee"


async def test_the_ledger_is_the_providers_bill_to_the_token(tmp_path: Path) -> None:
    async with (
        Simulator(clock=SimClock(start=START)) as sim,
        talking(tmp_path, sim, window_tokens=2_000, titles="model") as chat,
    ):
        sim.respond(chatty(4))
        await mixed(chat, 40, seed=6)
        for name, tier in (("other", "simple"), ("third", "complex")):
            for number in range(4):
                await chat.say(f"Note {number}", thread=name, model=tier)
        await chat.rest(86_400)
        rows = await chat.spent()
        assert {row["purpose"] for row in rows} >= {"reply", "summary", "keepalive", "title"}
        assert sum(counted["requests"] for counted in sim.log.billed.values()) == len(rows)
        for name, counted in sim.log.billed.items():
            mine = [row for row in rows if row["requested_model"] == name]
            assert {
                "input": sum(row["input"] for row in mine),
                "cache_read": sum(row["cache_read"] for row in mine),
                "write_5m": sum(row["cache_write_5m"] for row in mine),
                "write_1h": sum(row["cache_write_1h"] for row in mine),
                "output": sum(row["output"] for row in mine),
            } == {kind: tokens for kind, tokens in counted.items() if kind != "requests"}
        for row in rows:
            used = Usage(
                **{kind: row[kind] for kind in (*KINDS, "output", "reasoning")},
            )
            assert usd(row["cost_pico"]) == price(row["requested_model"], used)


async def test_a_cache_that_is_gone_early_is_noticed_and_named(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim, talking(tmp_path, sim) as chat:
        sim.respond(chatty(5))
        await chat.many(8)
        sim.cache = PromptCache()  # the provider has forgotten everything
        turn = await chat.say("Do you remember?")
        (call,) = (await chat.app.get(f"/api/turns/{turn['id']}/context"))["calls"]
        assert call["estimated_usage"]["cache_read"] > 0 == call["actual_usage"]["cache_read"]
        cause, _, detail = call["cache_miss"].partition(": ")
        assert cause in {"expired", "diagnosed", "unknown"}
        assert detail
        await chat.say("And now?")
        rows = await replies(chat)
        assert rows[-1]["cache_miss"] is None, "the next turn reads what this one wrote"
        assert rows[-1]["cache_read"] > 0
        assert [row["cache_miss"] is None for row in rows].count(False) == 1
