"""Overspending is impossible: 200 turns at once against a budget for 20, in one process and in two that share Postgres and Redis."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from chat.upstream.client import Timeouts
from context.models.pricing import pico, usd
from store.database import Database
from tests.chat.budgets.spending import budget, cost, counted, spent
from tests.chat.process import environment, serving
from tests.chat.talk import START
from tests.clocks import SteppedClock
from tests.palaver import palaver
from tests.redis import RedisServer
from tests.upstream import Reply, SimClock, Simulator

OUTPUT = 256  # tokens of an answer at most
WORST = (
    OUTPUT * 10_000_000 + 250 * 4_000_000
)  # picodollars at Sonnet's prices: less than any call below sets aside
LIMIT = Decimal(usd(20 * WORST))
BUDGETS = [budget(LIMIT, scope="deployment", period="month", degrade_at=1.0)]
ONE_MODEL = {f"model_{tier}": "claude-sonnet-5-5" for tier in ("simple", "standard", "complex")}
SETTINGS: dict[str, Any] = {"max_output_tokens": OUTPUT, "max_concurrent_requests": 0, **ONE_MODEL}


async def test_two_hundred_turns_at_once_never_spend_more_than_a_budget_for_twenty(
    sim: Simulator, tmp_path: Path
) -> None:
    # Time stands still: on a busy machine a lease would run out, which is another test.
    clock = SteppedClock(SimClock(start=START))
    async with palaver(tmp_path, sim, budgets=BUDGETS, clock=clock, timeouts=Timeouts(), **SETTINGS) as app:
        await overspending_is_impossible(sim, [app.url], app.deps.database)


@pytest.mark.postgres
async def test_two_processes_on_one_postgres_and_redis_do_not_overspend_together_either(
    sim: Simulator, tmp_path: Path, postgres_url: str, redis_server: RedisServer
) -> None:
    more = {f"PALAVER_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    more |= {"PALAVER_BUDGETS": json.dumps(BUDGETS), "PALAVER_REQUESTS_PER_MINUTE": "0"}
    more |= {"PALAVER_DATABASE_URL": postgres_url, "PALAVER_REDIS_URL": redis_server.url}
    database = Database(postgres_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        served = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            env = environment(tmp_path / name, sim, **more)
            served.append(await stack.enter_async_context(serving(tmp_path / name, env)))
        await overspending_is_impossible(sim, [server.url for server in served], database)


async def overspending_is_impossible(sim: Simulator, urls: Sequence[str], database: Database) -> None:
    """200 turns at once, each in a thread of its own, over one or more servers that share a database."""
    answer_text = "All of it. " * 25
    sim.respond(lambda _: Reply(text=answer_text, thinking="", chunk=400))

    async def outcome_of(number: int) -> str:
        http = clients[number % len(clients)]
        body = {"input": {"text": f"Number {number}, say all"}, "model": "standard"}
        while True:
            answer = await http.post(f"/api/threads/t{number}/turns", json=body)
            if answer.status_code != 503:
                break
            # Every connection to the database is taken: a client waits as long as it is asked to.
            await asyncio.sleep(float(answer.headers["retry-after"]))
        if answer.status_code != 202:
            assert answer.status_code in (402, 429), answer.text
            return str(answer.json()["error"]["code"])
        await http.get(f"/api/turns/{answer.json()['id']}/events")
        turn = (await http.get(f"/api/turns/{answer.json()['id']}")).json()
        return "completed" if turn["error"] is None else str(turn["error"]["code"])

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=url,
                    limits=httpx.Limits(max_keepalive_connections=0),
                    timeout=120,
                    trust_env=False,
                )
            )
            for url in urls
        ]
        ended = await asyncio.gather(*(outcome_of(number) for number in range(200)))
    await sim.idle()
    assert set(ended) == {"completed", "budget_exceeded"}
    calls = [entry for entry in sim.log if entry.path == "/v1/messages"]
    paid = sum(cost(entry) for entry in calls)
    # Twelve fit at their worst and so are always paid; how many more come depends on when the first ones end.
    assert 5 * WORST < paid <= pico(LIMIT)
    assert ended.count("completed") == len(calls) >= 12
    assert paid == (await spent(database))["usd"], "the ledger is the provider's bill"
    assert await counted(database) == {"deployment|usd|month": (paid, 0)}
    at_once = max(
        sum(running.received_at <= other.received_at < (running.ended_at or 0) for running in calls)
        for other in calls
    )
    assert at_once <= 20, "never more on their way than could be paid for"
