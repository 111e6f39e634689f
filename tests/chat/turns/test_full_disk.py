"""A full disk: a turn whose end the store cannot write stays running, and ends once there is room again."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from chat.upstream.client import Timeouts
from tests.chat.outcomes import answer_text, finished, ledger
from tests.palaver import palaver
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_end_the_store_cannot_keep_is_kept_once_it_can(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:

        async def pages(most: int) -> None:
            await app.deps.database.write(
                lambda connection: connection.execute(text(f"PRAGMA max_page_count = {most}"))
            )

        gate = sim.gate()
        words = "word " * 30_000
        sim.script(Reply(text=words, thinking="", chunk=75_000, gate=gate))
        accepted = await app.say("t", "much")
        gate.release(1)
        async for event in app.stream(accepted["id"]):
            if event.type == "part.delta":
                break
        await pages(1)  # the disk is full
        gate.open()
        refused = await app.http.post("/api/threads/other/turns", json={"input": {"text": "x" * 300_000}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
        await sim.idle()
        assert (await app.turn(accepted["id"]))["status"] == "running", "it is not over before it is kept"
        assert len(await app.messages("t")) == 2, "reading goes on"
        await pages(1_000_000)
        async with asyncio.timeout(LIMIT):
            events, turn = await finished(app, accepted["id"])
        assert turn["status"] in {"completed", "failed"}
        assert answer_text(turn["message"])
        assert events[-2].type == "part.ended"
        (row,) = await ledger(app, turn["id"])
        assert row.usage.output > 0
        assert (await app.chat("t", "and now?"))["status"] == "completed"
