"""What arrives after its thread was deleted brings nothing back: titles, compactions, events, vectors; also under the same name."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from chat.embeddings.embeddings import Embeddings
from chat.upstream.client import Timeouts
from store import threads
from store.local_user import LOCAL
from tests.chat.talk import model, summarises
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio

TABLES = (
    *("threads", "messages", "turns", "turn_events", "summaries", "cache_states", "compaction_claims"),
    *("message_vectors", "message_search", "message_search_stems"),
)


def for_title(request: dict[str, Any]) -> bool:
    return "titles" in str(request["system"])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a database of each kind."""
    return {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}


@pytest_asyncio.fixture
async def app(place: dict[str, Any], tmp_path: Path) -> AsyncIterator[Palaver]:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), titles="model", keepalives=False, **place) as running,
    ):
        yield running


async def rows(app: Palaver) -> dict[str, int]:
    counts = await app.deps.database.read(
        lambda connection: {t: connection.scalar(text(f"SELECT count(*) FROM {t}")) or 0 for t in TABLES}
    )
    return {table: count for table, count in counts.items() if count}


async def delete(app: Palaver) -> None:
    assert (await app.http.delete("/api/threads/t")).status_code == 204


async def test_a_late_title(app: Palaver) -> None:
    app.sim.script(Reply(text="A secret title", thinking="", hold=True), when=for_title)
    await app.chat("t", "Hello")
    await delete(app)
    app.sim.held.open()
    await app.settled()
    assert await rows(app) == {}


@pytest.mark.parametrize("again", [False, True], ids=["gone", "same name"])
async def test_a_late_compaction(app: Palaver, *, again: bool) -> None:
    app.sim.respond(model(lambda _: Reply(text="So it is, then. " * 8, thinking="")))
    for number in range(14):
        await app.chat("t", f"Note {number}: " + "we went on with it " * 20)
    await app.settled()
    app.sim.script(Reply(text="- A secret summary [m1]", thinking="", hold=True), when=summarises)
    compacting = asyncio.create_task(app.http.post("/api/threads/t/summary/compact"))
    await until(lambda: any(map(summarises, app.sim.requests)))
    await delete(app)
    if again:
        await app.chat("t", "Quite another conversation")
    app.sim.held.open()
    await compacting
    await app.settled()
    left = await rows(app)
    assert "summaries" not in left
    assert "compaction_claims" not in left
    assert left.get("messages", 0) == (2 if again else 0)
    assert again or left == {}


@pytest.mark.parametrize("again", [False, True], ids=["gone", "same name"])
async def test_late_events_and_a_late_answer(app: Palaver, *, again: bool) -> None:
    app.sim.script(
        Reply(text="one secret two secret three", chunk=4, thinking="", hold=True),
        when=lambda request: not for_title(request),
    )
    accepted = await app.say("t", "count")
    await until(lambda: any(not for_title(request) for request in app.sim.requests))
    # As another replica would, which does not know of the running turn yet.
    await app.deps.database.write(partial(threads.remove, owner_id=LOCAL, thread_id="t"))
    if again:
        await app.deps.database.write(partial(threads.create, owner_id=LOCAL, thread_id="t", now=1))
    app.sim.held.open()
    await app.settled()
    assert app.deps.runner.count == 0, "the turn has ended here"
    assert await rows(app) == ({"threads": 1} if again else {})
    assert (await app.http.get(f"/api/turns/{accepted['id']}")).status_code == 404


class _HeldModel:
    """A model that embeds when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def embed(self, words: str) -> bytes:
        self.asked.set()
        self.go_on.wait(30)
        return b"\x01"


@pytest.mark.parametrize("again", [False, True], ids=["gone", "same name"])
async def test_late_vectors(app: Palaver, *, again: bool) -> None:
    await app.chat("t", "Hello")
    await app.settled()
    held: Any = _HeldModel()
    embeddings = Embeddings(model=held, name="held/1", database=app.deps.database)
    catching_up = asyncio.create_task(embeddings.catch_up(LOCAL, "t"))
    await until(held.asked.is_set)
    await delete(app)
    if again:
        await app.chat("t", "Quite another conversation")
        await app.settled()
    before = await rows(app)
    held.go_on.set()
    await until(lambda: catching_up.done() or again)
    if again:  # its next step sees the new thread, whose own messages may get vectors
        await catching_up
        orphans = text("SELECT count(*) FROM message_vectors WHERE pk NOT IN (SELECT pk FROM messages)")
        assert await app.deps.database.read(lambda connection: connection.scalar(orphans)) == 0
    else:
        assert await rows(app) == before == {}
    await embeddings.close()
