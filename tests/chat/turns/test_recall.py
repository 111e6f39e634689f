"""Recall in a real conversation: what was told long ago comes back for the turn that asks for it, and for no other."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from context.request.summary_blocks import OPENING
from tests.chat.talk import START, Talk, condensed, summarises, talk, words_of
from tests.upstream import Reply

FACT = "My bicycle is chained behind the Ravensbourne library, the combination is 4417."
QUESTION = "What was the combination of the bicycle chain?"


def forgetful(request: dict[str, Any]) -> Reply:
    """A summarizer that keeps the gist and loses every number."""
    if summarises(request):
        text = condensed(request).replace("bicycle", "thing").replace("4417", "some number")
        return Reply(text=text, thinking="")
    return Reply(text="So it is, then. " * 8, thinking="")


async def told_long_ago(chat: Talk) -> None:
    """The fact, and then so much else that it is compacted away."""
    chat.sim.respond(forgetful)
    await chat.say(FACT)
    chat.clock.advance(3 * 86_400)
    await chat.many(9, length=100)
    assert (await chat.summary())["id"] is not None


def newest(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of the newest user text."""
    blocks: list[dict[str, Any]] = request["messages"][-1]["content"]
    return blocks


async def test_an_old_fact_comes_back_behind_the_last_mark_with_its_date(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await told_long_ago(chat)
        sent = chat.asked()[-1].json
        window = {**sent, "messages": sent["messages"][:-1]}  # behind the newest text it may stand already
        assert "4417" not in words_of(window)
        turn = await chat.say(QUESTION)
        blocks = newest(chat.asked()[-1].json)
        question = next(index for index, block in enumerate(blocks) if block["text"] == QUESTION)
        behind = blocks[question + 1 :]
        assert behind[0]["text"].startswith("[Earlier messages of this conversation")
        (quoted,) = (block["text"] for block in behind if "4417" in block["text"])
        day = datetime.fromtimestamp(START, UTC).date().isoformat()
        assert quoted == f"{day} user: {FACT}"
        assert "cache_control" in blocks[question]
        assert not any("cache_control" in block for block in behind), "it is never written to the cache"
        plan = await chat.plan(turn)
        first = (await chat.app.messages("t", limit=200))[0]
        assert first["id"] in [ref["id"] for ref in plan["recipe"]["recalled"]]
        assert 0 < plan["estimate"]["recall"] <= 1_000


async def test_what_was_recalled_is_not_in_the_next_request(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await told_long_ago(chat)
        await chat.say(QUESTION)
        assert "4417" in words_of(chat.asked()[-1].json)
        await chat.say("Thanks!")
        assert "4417" not in words_of(chat.asked()[-1].json)
        assert QUESTION in words_of(chat.asked()[-1].json)


async def test_recall_changes_nothing_of_what_the_next_turn_reads(tmp_path: Path) -> None:
    actual_usage: list[tuple[int, int]] = []
    for tokens in (1_000, 0):
        async with talk(tmp_path / str(tokens), recall_tokens=tokens, window_tokens=1_000) as chat:
            await told_long_ago(chat)
            await chat.say(QUESTION)
            with_it = chat.asked()[-1].kinds
            await chat.say("Thanks!")
            after = chat.asked()[-1].kinds
            assert ("4417" in words_of(chat.asked()[-2].json)) == bool(tokens)
            written = with_it["write_5m"] + with_it["write_1h"]
            assert after["cache_read"] == with_it["cache_read"] + written
            actual_usage.append((after["write_5m"], after["write_1h"]))
    assert actual_usage[0] == actual_usage[1], "with recall or without: the next turn writes the same"


async def test_recall_that_is_off_brings_nothing_back_and_offers_no_search(tmp_path: Path) -> None:
    async with talk(tmp_path, recall_tokens=0, window_tokens=1_000) as chat:
        await told_long_ago(chat)
        turn = await chat.say(QUESTION)
        request = chat.asked()[-1].json
        assert "4417" not in words_of(request)
        assert "tools" not in request
        assert request["messages"][0]["content"][0]["text"].startswith(OPENING)
        assert (await chat.plan(turn))["recipe"]["recalled"] == []


async def test_only_the_own_branch_is_recalled(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await told_long_ago(chat)
        await chat.say("We begin anew.", parent_id=None)
        await chat.many(9, first=100, length=100)
        await chat.say(QUESTION)
        assert "4417" not in words_of(chat.asked()[-1].json)


async def test_a_turn_that_asks_nothing_recalls_nothing_and_says_why(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await told_long_ago(chat)
        asked = await chat.plan(await chat.say(QUESTION))
        assert asked["recall"]["code"] == "recalled"
        assert asked["recall"]["messages"] == len(asked["recipe"]["recalled"]) - 1  # beside the heading
        assert asked["recall"]["tokens"] == asked["estimate"]["recall"]
        assert asked["recall"]["cost_pico_usd"] > 0
        assert 0.2 < asked["recall"]["probability"] < 1
        assert "asks" in asked["recall"]["because"]
        assert asked["reasons"]["recall"].startswith("recalled ")
        for text in ("No, thanks", "bicycle 4417", "danke, das war's", "谢谢", "👍"):
            plan = await chat.plan(await chat.say(text))
            assert plan["recall"]["code"] == "asks_nothing", text
            assert plan["recipe"]["recalled"] == []
            assert len(newest(chat.asked()[-1].json)) == 1


async def test_a_policy_that_values_memory_less_buys_less(tmp_path: Path) -> None:
    bought: dict[str, int] = {}
    for policy in ("off", "thrifty", "generous"):
        async with talk(tmp_path / policy, recall=policy, window_tokens=1_000) as chat:
            await told_long_ago(chat)
            plan = await chat.plan(await chat.say(QUESTION))
            bought[policy] = plan["estimate"]["recall"]
            assert plan["recall"]["code"] == ("off" if policy == "off" else "recalled")
            cost = plan["recall"]["probability"] * (plan["recall"]["value_tokens"] or 0)
            assert plan["recall"]["tokens"] <= cost, "nobody pays more than the chance times the value"
    assert bought["off"] == 0 < bought["thrifty"] <= bought["generous"]
