"""An answer that was given is kept, whatever else goes wrong when its turn ends."""

from pathlib import Path
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from sqlalchemy import Connection, text

from chat.turns import finish
from chat.upstream.client import Timeouts
from chat.upstream.models import load
from store import cache_states, learned_stats
from store.ledger import budgets
from store.search import term_index
from tests.chat.outcomes import answer_text, finished, ledger
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator

pytestmark = pytest.mark.asyncio

BUDGET = [{"scope": "user", "unit": "tokens", "limit": 1_000_000, "period": "day"}]


@pytest.mark.parametrize(
    "configured",
    ["claude-haiku-4-5-20251001", "claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929"],
)
async def test_a_model_that_is_configured_by_an_alias_answers(tmp_path: Path, configured: str) -> None:
    async with (
        Simulator() as sim,
        palaver(
            tmp_path, sim, timeouts=Timeouts(), model_standard=configured, default_tier="standard"
        ) as app,
    ):
        for _ in range(2):
            turn = await app.chat("t", "Hello")
            assert turn["status"] == "completed"
            assert turn["message"]["model"] == configured
        assert {request["model"] for request in sim.requests} == {configured}
        assert [row.requested_model for row in await ledger(app, turn["id"])] == [configured]
        assert configured in {model["id"] for model in (await app.get("/api/info"))["models"]}
        continued = await app.chat("t", "And now?")
        assert continued["status"] == "completed"


async def test_models_are_known_by_the_name_they_are_configured_by() -> None:
    async with Simulator() as sim:
        client = AsyncAnthropic(base_url=sim.base_url, api_key="sk-ant-test-key-0123456789")
        names = ("claude-haiku-4-5-20251001", "claude-sonnet-5-5", "nobody-knows-this")
        models = await load(client, {"simple": names[0], "standard": names[1], "complex": names[2]})
        assert [model.id for model in models.values()] == list(names)
        assert models[names[0]].context_window == 200_000
        await client.close()


def breaking(*_: Any, **__: Any) -> Any:
    raise KeyError("planted")


BREAKS: dict[str, tuple[Any, str]] = {
    "cache update": (finish, "cache_update"),
    "cache state": (cache_states, "put"),
    "gap histogram and calibration": (learned_stats, "put"),
    "search index": (term_index, "index"),
    "cache miss": (finish, "notice"),
    "budgets": (budgets, "settle"),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_is_only_useful_costs_no_answer(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), budgets=BUDGET) as app,
    ):
        await app.chat("t", "Hello")
        sim.script(Reply(text="Kept words", thinking="", hold=True))
        accepted = await app.say("t", "And again")
        with monkeypatch.context() as broken:
            broken.setattr(*BREAKS[what], breaking)
            sim.held.open()
            events, turn = await finished(app, accepted["id"])
            await app.settled()
        assert events[-1].type == "turn.completed"
        assert answer_text(turn["message"]) == "Kept words"
        assert [row.outcome for row in await ledger(app, turn["id"])] == ["ok"]
        assert (await app.chat("t", "go on"))["status"] == "completed"


async def test_an_answer_the_index_lacks_is_found_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as sim:
        async with palaver(tmp_path, sim, timeouts=Timeouts()) as app:
            sim.script(Reply(text="Zanzibar", thinking="", hold=True))
            accepted = await app.say("t", "Hello")
            with monkeypatch.context() as broken:
                broken.setattr(term_index, "index", breaking)
                sim.held.open()
                await finished(app, accepted["id"])
            assert (await app.get("/api/search", q="Zanzibar"))["results"] == []
        async with palaver(tmp_path, sim, timeouts=Timeouts()) as app:
            await app.settled()
            assert len((await app.get("/api/search", q="Zanzibar"))["results"]) == 1


async def test_a_budget_that_cannot_be_settled_is_settled_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def counters(app: Palaver) -> list[tuple[int, int]]:
        def read(connection: Connection) -> list[tuple[int, int]]:
            rows = connection.execute(text("SELECT used, reserved FROM budgets ORDER BY key"))
            return [(used, reserved) for used, reserved in rows]

        return await app.deps.database.read(read)

    async with Simulator() as sim:
        async with palaver(tmp_path, sim, timeouts=Timeouts(), budgets=BUDGET) as app:
            with monkeypatch.context() as broken:
                broken.setattr(budgets, "settle", breaking)
                turn = await app.chat("t", "Hello")
            ((used, reserved),) = await counters(app)
            assert used == 0
            assert reserved > 0
            (row,) = await ledger(app, turn["id"])
        async with palaver(tmp_path, sim, timeouts=Timeouts(), budgets=BUDGET) as app:
            assert await counters(app) == [(row.usage.total, 0)]
            assert await ledger(app, turn["id"]) == [row], "the exact row stays"
