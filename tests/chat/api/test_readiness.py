"""`/readyz` beside a database that takes no writes."""

from pathlib import Path

import pytest
from sqlalchemy import text

from chat.background.write_probe import probe
from chat.upstream.client import Timeouts
from store.errors import StoreError, StoreUnavailable
from store.group_commit import GroupCommit
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator

pytestmark = pytest.mark.asyncio


async def ready(app: Palaver) -> tuple[int, str]:
    answer = await app.http.get("/readyz")
    return answer.status_code, answer.text


async def test_a_full_disk_is_not_ready_until_there_is_space(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        database = app.deps.database
        await probe(app.deps.runtime)
        assert (await ready(app))[0] == 200

        async def pages(most: int) -> None:
            await database.write(
                lambda connection: connection.execute(text(f"PRAGMA max_page_count = {most}"))
            )

        await pages(1)
        statuses = [
            (await app.http.post("/api/threads", json={"metadata": {"filler": "x" * 16_000}})).status_code
            for _ in range(20)
        ]
        assert statuses[-1] >= 500, "free pages hold a few threads at most"
        status, words = await ready(app)
        assert status == 503
        assert "disk is full" in words
        await pages(1_000_000)
        await probe(app.deps.runtime)
        assert (await ready(app))[0] == 200


async def test_a_database_that_refuses_writes_is_found_by_the_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        await app.settled()  # what is done at start writes, too
        with monkeypatch.context() as broken:

            async def refuses(self: GroupCommit, work: object) -> object:
                raise StoreUnavailable("read-only")

            broken.setattr(GroupCommit, "submit", refuses)
            with pytest.raises(StoreError):
                await probe(app.deps.runtime)
        assert (await ready(app))[0] == 503
        await probe(app.deps.runtime)
        assert (await ready(app))[0] == 200
