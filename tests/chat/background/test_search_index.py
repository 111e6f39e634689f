"""The job that completes the search index after a start."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from chat.background.search_index import index_missing
from tests.palaver import palaver
from tests.upstream import Simulator

pytestmark = pytest.mark.asyncio


async def test_what_an_earlier_version_indexed_is_indexed_anew(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim) as app:
        await app.chat("t", "Wir haben die Häuser und ihre Gärten gesehen")

        def make_old(connection: Connection) -> None:
            connection.execute(text("UPDATE message_search_rebuild SET up_to = 1000"))
            connection.execute(text("DELETE FROM message_search"))

        runtime = app.deps.runtime
        await runtime.database.write(make_old)
        assert (await app.get("/api/search", q="häusern garten"))["results"] == []
        await index_missing(runtime)
        (hit,) = (await app.get("/api/search", q="häusern garten"))["results"]
        assert [piece["text"] for piece in hit["snippet"] if piece["match"]] == ["Häuser", "Gärten"]
        query = text("SELECT up_to FROM message_search_rebuild")
        assert await runtime.database.read(lambda connection: connection.scalar(query)) == 0
