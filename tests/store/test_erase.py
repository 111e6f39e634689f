"""Deleted text is gone from the files of SQLite: rows, search index, write-ahead log."""

from pathlib import Path

import pytest

from chat.upstream.client import Timeouts
from tests.palaver import palaver
from tests.upstream import Reply, Simulator

WORDS = ["xylophonequestion", "zanzibaranswer", "quokkatitle", "wombatmetadata", "yakreasoning"]


def words_on_disk(folder: Path) -> set[str]:
    """The planted words that any file of the database holds."""
    content = b"".join(path.read_bytes() for path in folder.glob("palaver.db*"))
    return {word for word in WORDS if word.encode() in content}


@pytest.mark.parametrize("others", [0, 30])
async def test_no_byte_of_a_deleted_thread_is_left(tmp_path: Path, others: int) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        created = await app.http.post(
            "/api/threads", json={"id": "t", "title": "quokkatitle", "metadata": {"note": "wombatmetadata"}}
        )
        assert created.status_code == 201
        for n in range(others):
            await app.chat(f"other-{n % 3}", f"Something else entirely, number {n}")
        sim.script(Reply(text="zanzibaranswer " * 50, thinking="yakreasoning"))
        await app.chat("t", "xylophonequestion " * 20)
        for n in range(others):
            await app.chat(f"other-{n % 3}", f"And more, number {n}")
        assert words_on_disk(tmp_path) == set(WORDS)
        assert (await app.http.delete("/api/threads/t")).status_code == 204
        await app.settled()
        assert words_on_disk(tmp_path) == set()
        if others:
            assert (await app.get("/api/search", q="entirely"))["results"], (
                "other threads are found as before"
            )
