"""Slow searches and reports: turns go on, the client hears of it, and nothing runs on for a client that is gone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import Connection

from chat.upstream.client import Timeouts
from store import threads
from store.ledger import budgets, reports
from store.search import messages
from tests.palaver import Palaver, palaver
from tests.store.slow import Slow
from tests.upstream import Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio

ROUTES: dict[str, tuple[Any, str, str]] = {
    "search": (messages, "find", "/api/search?q=a"),
    "usage": (reports, "first_call", "/api/usage"),
    "budgets": (budgets, "statuses", "/api/budgets"),
    "titles": (threads, "page", "/api/threads?q=a"),
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a database of each kind."""
    sqlite = request.param == "sqlite"
    return {} if sqlite else {"database_url": request.getfixturevalue("postgres_url")}


@pytest_asyncio.fixture
async def app(place: dict[str, Any], tmp_path: Path) -> AsyncIterator[Palaver]:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), report_seconds=1, **place) as running,
    ):
        yield running


def slowed(app: Palaver, route: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Slow]:
    """A route whose query takes very long, and the statements it runs."""
    slow, (module, name, path) = Slow(app.deps.database), ROUTES[route]

    def query(connection: Connection, *_: Any, **__: Any) -> None:
        slow.run(connection)

    monkeypatch.setattr(module, name, query)
    return path, slow


@pytest.mark.parametrize("route", ROUTES)
async def test_a_slow_report_is_interrupted_and_says_so(
    app: Palaver, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow = slowed(app, route, monkeypatch)
    answer = await app.http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "query_timeout")
    assert answer.json()["error"]["retryable"]
    await until(slow.all_ended)


async def test_a_turn_is_answered_while_slow_searches_run(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow = slowed(app, "search", monkeypatch)
    searches = [asyncio.create_task(app.http.get(path)) for _ in range(6)]
    await until(lambda: slow.started == 2)
    assert (await app.chat("t", "Hello"))["status"] == "completed"
    answers = await asyncio.gather(*searches)
    assert {answer.status_code for answer in answers} <= {503, 504}
    await until(slow.all_ended)


async def test_a_search_ends_when_its_client_is_gone(app: Palaver, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(app.deps.database.report_limits, "seconds", 600.0)
    path, slow = slowed(app, "search", monkeypatch)
    async with httpx.AsyncClient(base_url=app.url, trust_env=False) as leaving:
        search = asyncio.create_task(leaving.get(path, timeout=600))
        await until(lambda: slow.started == 1)
        search.cancel()
        await asyncio.gather(search, return_exceptions=True)
    await until(slow.all_ended)
