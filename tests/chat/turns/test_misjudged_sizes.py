"""A tokenizer that is nothing like the one behind the estimates: the first bill corrects them, and the self-check stays quiet."""

import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.chat.calls.billed import missed, replies
from tests.chat.talk import START, Talk, model, talking
from tests.upstream import Reply, SimClock, Simulator
from tests.upstream.cache import PromptCache
from tests.upstream.tokens import counted_by

KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
TIERS = ("simple", "standard", "complex")
LETTERS = {
    "thai": "กขคงจฉชซญฐณดตถทธนบปผพฟมยรลวศสหอะาิีุู ",
    "amharic": "ሀለሐመሠረሰሸቀበተቸነኘአከወዘየደጀገጠጨጰጸፈፐ ",
    "base64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "emoji": "😀🎉🚀🌍🍎🐼💡🔥",
    "minified": "abcxyz(){};=>.,0123",
}
COUNTERS: dict[str, Callable[[str, str], int]] = {
    "a token per byte": lambda text, _: len(text.encode()),
    "four characters a token": lambda text, _: -(-len(text) // 4),
    "a token per character": lambda text, _: len(text),
}


@asynccontextmanager
async def counting(counter: str) -> AsyncIterator[None]:
    """The provider counts with one of `COUNTERS`."""
    with counted_by(COUNTERS[counter]):
        yield


def written(kind: str, size: int, chance: random.Random) -> str:
    """A text of `size` characters of a kind."""
    return "".join(chance.choices(LETTERS[kind], k=size)).strip() or "x"


def answering(kind: str) -> Callable[[dict[str, Any]], Reply]:
    chance = random.Random(kind)
    return model(lambda _: Reply(text=written(kind, chance.randint(20, 400), chance), thinking=""))


@pytest.mark.parametrize(("kind", "counter"), list(zip(LETTERS, [*COUNTERS, *COUNTERS], strict=False)))
async def test_no_cause_is_named_for_what_an_estimate_cannot_know(
    tmp_path: Path, kind: str, counter: str
) -> None:
    chance = random.Random(kind)
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(written(kind, 4_000, chance))
    async with counting(counter):
        rows = await played(tmp_path, prompt, kind, chance)
    assert not missed(rows)
    assert len(rows) == 10


async def played(folder: Path, prompt: Path, kind: str, chance: random.Random) -> list[dict[str, Any]]:
    """The ledger of ten turns on three models in three threads."""
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(answering(kind))
        for _ in range(2):  # a restart between
            async with talking(folder, sim, system_prompt_file=prompt) as chat:
                for _ in range(5):
                    words = written(kind, chance.randint(20, 300), chance)
                    thread, tier = chance.choice("abc"), chance.choice((*TIERS, "standard"))
                    turn = await chat.say(words, thread=thread, model=tier)
                    assert turn["status"] == "completed", turn["error"]
                    await chat.rest(chance.choice((20, 200, 400, 2_000)))
                rows = await replies(chat)
    return rows


@pytest.mark.parametrize("counter", COUNTERS)
async def test_the_first_bill_corrects_a_wrong_estimate(tmp_path: Path, counter: str) -> None:
    chance = random.Random(1)
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(written("thai", 9_000, chance))
    async with counting(counter), Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(answering("thai"))
        async with talking(tmp_path, sim, system_prompt_file=prompt) as chat:
            await chat.say("Hello there.")
            await chat.say("How are you?")
        async with talking(tmp_path, sim, system_prompt_file=prompt) as chat:
            await chat.say("Another thread, after a restart.", thread="other")
            first, second, other = await replies(chat)
    assert second["estimated_usage"]["cache_read"] == second["cache_read"] > 1_500, "what was billed is known"
    assert off(first) > 0.1, "or there was nothing to correct"
    assert off(other) < 0.02, "the system prompt is known to all threads"


def off(row: dict[str, Any]) -> float:
    """The error of the estimate of a prompt."""
    estimated = sum(row["estimated_usage"][kind] for kind in KINDS)
    return float(abs(estimated / sum(row[kind] for kind in KINDS) - 1))


async def test_the_shown_sections_add_up_to_the_estimate_of_the_bill(tmp_path: Path) -> None:
    async with (
        counting("a token per byte"),
        Simulator(clock=SimClock(start=START)) as sim,
        talking(tmp_path, sim) as chat,
    ):
        sim.respond(answering("emoji"))
        for number in range(3):
            turn = await chat.say(f"Note {number}")
            plan = await chat.plan(turn)
            sections = {name: tokens for name, tokens in plan["estimate"].items() if name != "total"}
            assert sum(sections.values()) == plan["estimate"]["total"]
            assert sum(plan["estimated_usage"][kind] for kind in KINDS) == plan["estimate"]["total"]


async def forgets(chat: Talk) -> None:
    """The provider has forgotten everything."""
    chat.sim.cache = PromptCache()


async def changes(chat: Talk) -> None:
    """A stored message says something else than was sent."""
    first = (await chat.app.messages("t"))[0]["id"]

    def write(connection: Connection) -> None:
        parts = json.dumps([{"type": "text", "text": "Something else."}])
        changed = connection.execute(
            text("UPDATE messages SET parts = :parts WHERE id = :id"), {"parts": parts, "id": first}
        )
        assert changed.rowcount == 1

    await chat.app.deps.database.write(write)


@pytest.mark.parametrize(("trouble", "cause"), [(forgets, "expired"), (changes, "changed")])
async def test_what_is_wrong_is_still_named(tmp_path: Path, trouble: Any, cause: str) -> None:
    chance = random.Random(2)
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(written("amharic", 4_000, chance))
    async with counting("a token per byte"), Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(answering("amharic"))
        async with talking(tmp_path, sim, system_prompt_file=prompt) as chat:
            for _ in range(3):
                await chat.say(written("amharic", 600, chance))
            await trouble(chat)
            await chat.say(written("amharic", 60, chance))
            [miss] = missed(await replies(chat))
    assert miss.startswith(cause)
