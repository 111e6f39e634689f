"""A COMMIT whose acknowledgement is lost, in every write of a turn: the answer is kept, paid once and counted once.

On Postgres a proxy drops the connection between COMMIT and its acknowledgement; the write is then confirmed by the server, or, where that
is impossible too (`blind`), repeated. On SQLite the writer is told that a commit failed that took effect, and repeats it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chat.upstream.client import Timeouts
from store import lost_commit
from tests.chat.budgets.spending import counted, spent
from tests.chat.outcomes import finished, ledger, notes
from tests.chat.talk import model, summarises
from tests.lost_commits import Losses, on_sqlite, proxied
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio

BUDGETS = [
    {"scope": "user", "unit": "tokens", "limit": 1_000_000, "period": "month"},
    {"scope": "user", "unit": "requests", "limit": 1_000, "period": "month"},
]
WRITES = {
    "accept": "INSERT INTO turns",
    "plan": "UPDATE turns SET window_start",
    "open call": "INSERT INTO open_calls",
    "events": "INSERT INTO turn_events",
    "finish": "INSERT INTO ledger_entries",
}
KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("blind", marks=pytest.mark.postgres),
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data is kept, and how its acknowledgements are lost."""

    kind: str
    url: str | None
    folder: Path
    monkeypatch: pytest.MonkeyPatch


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Place(request.param, url, tmp_path, monkeypatch)


@asynccontextmanager
async def losing(place: Place, **settings: Any) -> AsyncIterator[tuple[Palaver, Losses]]:
    """A Palaver whose database can lose acknowledgements."""
    async with AsyncExitStack() as stack:
        if place.url is None:
            losses = stack.enter_context(on_sqlite(place.monkeypatch))
        else:
            settings["database_url"], losses = await stack.enter_async_context(proxied(place.url))
        if place.kind == "blind":

            async def unknown(*_: object) -> bool:
                return False

            place.monkeypatch.setattr(lost_commit, "committed", unknown)
        sim = await stack.enter_async_context(Simulator())
        app = await stack.enter_async_context(
            palaver(place.folder, sim, timeouts=Timeouts(), keepalives=False, **settings)
        )
        yield app, losses


async def rows(app: Palaver, table: str) -> int:
    query = text(f"SELECT count(*) FROM {table}")
    return int(await app.deps.database.read(lambda connection: connection.scalar(query)) or 0)


@pytest.mark.parametrize("budgets", [[], BUDGETS], ids=["free", "budgets"])
@pytest.mark.parametrize("what", WRITES)
async def test_a_turn_survives_a_lost_acknowledgement(
    place: Place, what: str, budgets: list[dict[str, Any]]
) -> None:
    async with losing(place, budgets=budgets) as (app, losses):
        await app.chat("t", "Hello")
        app.sim.reset()
        in_rounds = what == "events" and place.kind == "sqlite"
        count = 2 if what == "events" and not in_rounds else 1  # the first event is accepted with its turn
        losses.arm("INSERT INTO event_rounds" if in_rounds else WRITES[what], count)
        gate = app.sim.gate()
        app.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
        accepted = await app.say("t", "And again")
        if what == "events":
            gate.release(1)
            await until(lambda: losses.lost == count)  # else the turn's end would store all of them
        gate.open()
        _, turn = await finished(app, accepted["id"])
        await app.settled()
        assert losses.lost == count, "the fault has happened"
        assert turn["status"] == "completed"
        assert len(app.sim.requests) == 1
        assert [(row.outcome, row.estimated) for row in await ledger(app, turn["id"])] == [("ok", False)]
        assert (await rows(app, "turns"), await rows(app, "messages"), await rows(app, "open_calls")) == (
            2,
            4,
            0,
        )
        if budgets:
            counters = {key.split("|")[1]: value for key, value in (await counted(app.deps.database)).items()}
            assert counters == {"tokens": ((await spent(app.deps.database))["tokens"], 0), "requests": (2, 0)}


async def test_a_title_survives_a_lost_acknowledgement(place: Place) -> None:
    async with losing(place, titles="model") as (app, losses):
        app.sim.script(Reply(text="A good title"), when=lambda asked: "titles" in str(asked["system"]))
        app.sim.script(
            Reply(text="words", hold=True), when=lambda asked: "titles" not in str(asked["system"])
        )
        losses.arm("UPDATE threads SET title")  # the first such write is the accepted turn's
        losses.count = 2
        accepted = await app.say("t", "Hello")
        await app.deps.scheduler.settled()
        app.sim.held.open()
        events, _ = await finished(app, accepted["id"])
        assert losses.lost == 2
        assert notes(events, "title") == [{"title": "A good title"}]
        assert (await app.get("/api/threads/t"))["title"] == "A good title"


async def test_a_compaction_survives_a_lost_acknowledgement(place: Place) -> None:
    async with losing(place) as (app, losses):
        app.sim.respond(model(lambda _: Reply(text="So it is, then. " * 8, thinking="")))
        for number in range(14):
            await app.chat("t", f"Note {number}: " + "we went on with it " * 20)
        await app.settled()
        losses.arm("INSERT INTO summaries")
        answer = await app.http.post("/api/threads/t/summary/compact")
        assert answer.status_code < 300, answer.text
        assert losses.lost == 1, answer.text
        assert (await app.get("/api/threads/t/summary"))["id"] is not None
        assert await rows(app, "summaries") == 1
        assert sum(map(summarises, app.sim.requests)) == 1, "paid once"
