"""Conversations far longer than any window: never refused, never blocked, never an unexplained change of the prefix.

`PALAVER_LONG=1 pytest -s tests/chat/test_long_conversation.py` talks for 1,000 turns, and for 60 with the local model.
"""

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from rich.console import Console

from chat.upstream.local.process import LocalModel
from chat.upstream.local.weights import ensure_weights
from context.models.pricing import PICO
from tests.chat.calls.billed import chatty, missed, replies
from tests.chat.talk import START, talking
from tests.upstream import SimClock, Simulator

LONG = "PALAVER_LONG" in os.environ
TURNS = 1_000 if LONG else 120
LOCAL_TURNS = 60 if LONG else 4


def blocks(request: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """A prompt as the cache sees it: role, text, and whether a mark stands there."""
    parts = [("system", block) for block in request["system"]]
    parts += [(message["role"], block) for message in request["messages"] for block in message["content"]]
    return [(role, str(block.get("text")), "cache_control" in block) for role, block in parts]


def same_prefix(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether all that was marked in one request stands unchanged at the beginning of the next."""
    old, new = blocks(before), blocks(after)
    last = max((index for index, block in enumerate(old) if block[2]), default=-1)
    return [block[:2] for block in old[: last + 1]] == [block[:2] for block in new[: last + 1]]


async def test_no_length_of_a_conversation_changes_what_need_not_change(tmp_path: Path) -> None:
    chance = random.Random(8)
    began = time.monotonic()
    async with (
        Simulator(clock=SimClock(start=START)) as sim,
        talking(tmp_path, sim, window_tokens=3_000) as chat,
    ):
        sim.respond(chatty(9))
        changed = 0
        before: dict[str, Any] | None = None
        snapshot: tuple[str | None, str] | None = None
        for number in range(TURNS):
            words = f"{number}: the parcel number {number * 7919 % 100_000} " + "and so on " * chance.randint(
                1, 30
            )
            turn = await chat.say(words)
            assert turn["status"] == "completed", turn["error"]
            recipe = (await chat.plan(turn))["recipe"]
            after, now = chat.asked()[-1].json, (recipe["summary_id"], recipe["first_message_id"])
            if before is not None and now == snapshot:
                assert same_prefix(before, after), (
                    f"turn {number} changed what was cached, and nothing was folded"
                )
            changed += now != snapshot
            before, snapshot = after, now
            await chat.rest(
                chance.expovariate(1 / 60) if chance.random() < 0.9 else chance.expovariate(1 / 9_000)
            )
        assert {entry.status for entry in sim.log} == {200}
        largest = max(
            sum(entry.kinds[kind] for kind in entry.kinds if kind != "output") for entry in chat.asked()
        )
        assert largest < 3_000 + 1_800 + 1_000 + 1_500, "window, summary, recall, and what stands before them"
        rows = await chat.spent()
        assert sum(row["purpose"] == "reply" for row in rows) == TURNS
        assert not missed(await replies(chat))
        assert len((await chat.summary())["lines"]) > 0
        kinds: Counter[str] = Counter()
        for entry in sim.log:
            kinds.update(entry.kinds)
        cost = sum(row["cost_pico"] for row in rows) / PICO
        print(
            f"\n{TURNS} turns in {time.monotonic() - began:.1f} s: {Counter(row['purpose'] for row in rows)}, "
            f"windows moved {changed} times, largest prompt {largest}, {dict(kinds)}, ${cost:.4f}"
        )


@pytest.mark.local_model
async def test_many_turns_with_the_local_model(tmp_path: Path) -> None:
    weights = await ensure_weights(platformdirs.user_cache_path("palaver"), None, Console(stderr=True))
    local = LocalModel(weights, slots=2, context_tokens=4_096)
    await local.start()
    settings: dict[str, Any] = {
        "anthropic_api_key": None,
        "anthropic_base_url": None,
        "window_tokens": 1_000,
        "max_output_tokens": 64,
        "local_model": local,
    }
    began = time.monotonic()
    try:
        async with Simulator(clock=SimClock(start=START)) as sim, talking(tmp_path, sim, **settings) as chat:
            ends: Counter[str] = Counter()
            for number in range(LOCAL_TURNS):
                turn = await chat.app.chat(
                    "t", f"My number {number} is {number * 37}. " + "Tell me a little about it. " * 36
                )
                assert turn["status"] == "completed", turn["error"]
                ends[turn["message"]["finish_reason"]] += 1
            await chat.settled()
            rows = await chat.spent()
            assert sum(row["purpose"] == "reply" for row in rows) == LOCAL_TURNS
            assert any(row["purpose"] == "summary" for row in rows), (
                "the window was small enough to be folded"
            )
            assert {row["cost_pico"] for row in rows} == {0}
            assert len(await chat.app.messages("t", limit=200)) == LOCAL_TURNS * 2
            summary = await chat.summary()
            print(
                f"\n{LOCAL_TURNS} turns in {time.monotonic() - began:.1f} s: {dict(ends)}, "
                f"{Counter((row['purpose'], row['outcome']) for row in rows)}, {len(summary['versions'])} summaries kept"
            )
    finally:
        await local.stop()
