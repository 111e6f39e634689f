"""When a estimated cache read does not happen, the turn says why: the provider really misses, and the cause is the real one."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from sqlalchemy import Connection, text

from chat.cli.economics import CAUSES, show
from chat.turns.tool_loop import MAX_ROUNDS
from chat.usage.compare import examine
from context.audit.cache_audit import Cause
from context.request.blocks import SIZE, unpacked
from tests.chat.talk import START, Talk, converses, model, search, talk, talking
from tests.palaver import settings_for
from tests.upstream import Reply, SimClock, Simulator, faults
from tests.upstream.cache import PromptCache

SECRET = "Ravensbourne"


async def cause_of(chat: Talk, turn: dict[str, Any]) -> tuple[str, str]:
    """Cause and detail of a turn's cache miss; two empty texts when all was read."""
    calls = (await chat.app.get(f"/api/turns/{turn['id']}/context"))["calls"]
    misses = [call["cache_miss"] for call in calls if call["cache_miss"] is not None]
    assert len(misses) <= 1
    assert SECRET not in "".join(misses), "what is said there are places and names"
    cause, _, detail = (misses or [""])[0].partition(": ")
    return cause, detail


async def change(chat: Talk, statement: str, **values: str) -> None:
    """Change one stored row, as nothing in Palaver does."""

    def write(connection: Connection) -> None:
        assert connection.execute(text(statement), values).rowcount == 1

    await chat.app.deps.database.write(write)


async def sent_otherwise(chat: Talk, turn: dict[str, Any], index: int) -> None:
    """Let a turn have sent another block than it did, as another version would have; and let the provider forget all."""
    plan = await chat.plan(turn)
    digests = list(unpacked(plan["blocks"]))
    digests[index] = bytes(SIZE)
    plan["blocks"] = b64encode(b"".join(digests)).decode()
    await change(chat, "UPDATE turns SET plan = :plan WHERE id = :id", plan=json.dumps(plan), id=turn["id"])
    chat.sim.cache = PromptCache()


async def test_a_conversation_in_which_nothing_is_wrong_tells_no_cause(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=2_000) as chat:
        await chat.many(10, length=120)
        shown = await chat.app.messages("t")
        await chat.say("Said otherwise.", parent_id=shown[-3]["id"])
        await chat.many(3, length=120, first=20)
        await chat.rest(7_200)
        await chat.many(3, length=120, first=30)
        assert (await chat.summary())["id"] is not None
        assert [row["cache_miss"] for row in await chat.spent() if row["cache_miss"]] == []


async def test_the_longest_loop_of_tools_leaves_the_entry_in_reach(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await chat.many(8, length=120)
        chat.sim.script(*[search("it")] * MAX_ROUNDS, Reply(text="So it is."), when=converses)
        turn = await chat.say("What was it again?")
        assert len((await chat.app.get(f"/api/turns/{turn['id']}/context"))["calls"]) == MAX_ROUNDS + 1
        after = await chat.say("And then?")
        assert await cause_of(chat, after) == ("", "")
        assert chat.asked()[-1].kinds["cache_read"] > 0


async def test_an_entry_that_dies_while_a_call_is_repeated_has_expired(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(8, pause=60)
        ttl = (await chat.plan({"id": (await chat.app.messages("t"))[-1]["turn_id"]}))["window_ttl"]
        chat.clock.advance((300 if ttl == "5m" else 3_600) - 60 - 20)
        tries = 0

        def slow(request: dict[str, Any]) -> Reply:
            nonlocal tries
            tries += 1
            if tries == 1:
                chat.clock.advance(60)
                return faults.overloaded()
            return Reply(text="Here I am.", thinking="")

        chat.sim.respond(model(slow))
        turn = await chat.say("Are you there?")
        assert tries == 2
        cause, detail = await cause_of(chat, turn)
        assert cause == "expired"
        assert "expired" in detail


async def test_a_message_whose_stored_words_changed_is_named(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.say(f"I live near the {SECRET} library.")
        await chat.many(8)
        first = (await chat.app.messages("t"))[0]
        words = {"old": SECRET, "new": SECRET.upper(), "id": first["id"]}
        await change(chat, "UPDATE messages SET parts = replace(parts, :old, :new) WHERE id = :id", **words)
        turn = await chat.say("Where do I live?")
        blocks = 1 + len(await chat.app.messages("t")) - 1  # the system prompt and all but the answer
        cause, detail = await cause_of(chat, turn)
        assert cause == "changed"
        assert detail == (
            f"block 2 of {blocks} (message {first['id']}) is not what it was when it was cached"
            "; the provider says so too: messages_changed"
        )
        assert await cause_of(chat, await chat.say("And now?")) == ("", ""), "it was written anew"


async def test_a_summary_whose_stored_words_changed_is_named(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=2_000) as chat:
        await chat.many(14, length=120)
        summary = await chat.summary()
        await chat.say("Go on.")
        assert (await chat.summary())["id"] == summary["id"]
        words = {"old": "The person said", "new": "The person claimed", "id": summary["id"]}
        await change(
            chat, "UPDATE summaries SET segments = replace(segments, :old, :new) WHERE id = :id", **words
        )
        cause, detail = await cause_of(chat, await chat.say("What did I say?"))
        assert cause == "changed"
        assert "(part 1 of the summary)" in detail
        assert "messages_changed" in detail


async def test_a_tool_that_was_sent_in_other_words_is_named(tmp_path: Path, search_offered: None) -> None:
    async with talk(tmp_path, window_tokens=2_000) as chat:
        await chat.many(14, length=120)
        await sent_otherwise(chat, await chat.say("Go on."), 1)
        cause, detail = await cause_of(chat, await chat.say("And then?"))
        assert (cause, detail.partition(" (")[2].partition(")")[0]) == (
            "changed",
            "the tool search_conversation",
        )


async def test_other_settings_are_named(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(7)
        await sent_otherwise(chat, await chat.say("Go on."), 0)
        cause, _ = await cause_of(chat, await chat.say("And then?"))
        assert cause == "model_or_settings"


async def test_another_system_prompt_promises_no_read_and_so_breaks_none(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(model(lambda request: Reply(text="So it is, then. " * 8, thinking="")))
        async with talking(tmp_path, sim) as chat:
            await chat.many(8)
        prompt = tmp_path / "prompt.txt"
        prompt.write_text("Answer in rhymes. " * 200)
        async with talking(tmp_path, sim, system_prompt_file=prompt) as chat:
            turn = await chat.say("And then?")
            assert await cause_of(chat, turn) == ("", "")
            (row,) = [row for row in await chat.spent() if row["turn_id"] == turn["id"]]
            assert json.loads(row["estimated_usage"])["cache_read"] == row["cache_read"] == 0


async def test_what_the_provider_dropped_early_was_not_changed(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(8)
        chat.sim.cache = PromptCache()
        cause, detail = await cause_of(chat, await chat.say("Do you remember?"))
        assert cause == "expired"
        assert "early" in detail


async def test_where_the_provider_is_not_asked_the_same_bytes_leave_the_cause_open(tmp_path: Path) -> None:
    async with talk(tmp_path, cache_diagnostics=False) as chat:
        await chat.many(8)
        chat.sim.cache = PromptCache()
        miss = await cause_of(chat, await chat.say("Do you remember?"))
        assert miss == ("unknown", "the same bytes were sent in time")


async def test_on_another_branch_the_request_that_wrote_the_entry_is_compared_with(tmp_path: Path) -> None:
    async with talk(tmp_path, cache_diagnostics=False) as chat:
        await chat.many(8)
        trunk = await chat.app.messages("t")
        for words in ("One way.", "The other way."):
            await chat.say(words, parent_id=trunk[-1]["id"])
        await chat.say("On from the first.", parent_id=await answer_to(chat, "One way."))
        await chat.say("On from the second.", parent_id=await answer_to(chat, "The other way."))
        chat.sim.cache = PromptCache()
        back = await chat.say("And on.", parent_id=await answer_to(chat, "On from the first."))
        assert await cause_of(chat, back) == ("unknown", "the same bytes were sent in time")


async def answer_to(chat: Talk, words: str) -> str:
    """The id of the answer to what was said."""
    message_id = await chat.app.deps.database.read(
        lambda connection: connection.scalar(
            text(
                "SELECT answer.id FROM messages answer JOIN messages asked ON answer.parent_id = asked.id "
                "WHERE asked.parts LIKE :words"
            ),
            {"words": f"%{words}%"},
        )
    )
    return str(message_id)


async def test_the_bill_names_every_cause_in_words(tmp_path: Path) -> None:
    assert set(CAUSES) == set(get_args(Cause))
    async with talk(tmp_path) as chat:
        await chat.many(8)
        chat.sim.cache = PromptCache()
        await chat.say("Do you remember?")
        [costs] = await examine(settings_for(tmp_path, chat.sim), "t", window=40)
    assert costs.forecast.causes == {"expired": 1}
    console = Console(record=True, width=200)
    show([costs], console, total=False)
    assert "turns with a cache miss: 1 (expired 1)" in console.export_text()
