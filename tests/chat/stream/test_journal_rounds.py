"""The rounds of the writer of all logs: what goes in one transaction, who is woken, and what they hear, before a disk of our own."""

import asyncio

import pytest

from chat.stream import journal_writer
from chat.stream.events import PartDelta
from chat.stream.journal import Journal
from store.errors import StoreUnavailable
from tests.chat.stream.disk import Disk, writer_on
from tests.waiting import until

pytestmark = pytest.mark.asyncio


def add(journal: Journal, count: int = 1) -> None:
    for number in range(count):
        journal.event(PartDelta(part_id="p", text=str(number)))


async def test_everybody_who_waits_for_a_log_is_woken() -> None:
    disk = Disk()
    (journal,) = writer_on(disk, "a")
    disk.free.clear()
    add(journal)
    waiting = [asyncio.create_task(journal._writer.flush(journal)) for _ in range(3)]
    await until(lambda: disk.begun == 1)
    disk.free.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    assert (len(disk.rounds), journal.pending) == (1, False)


async def test_whoever_waits_hears_that_a_write_was_given_up() -> None:
    disk = Disk()
    (journal,) = writer_on(disk, "a")
    disk.failures = [asyncio.CancelledError()]
    add(journal)
    with pytest.raises(StoreUnavailable, match="given up"):
        await journal._writer.flush(journal)
    assert journal.pending
    await journal.settle()
    assert [len(rows) for rows in disk.rounds] == [1]


async def test_what_all_turns_have_goes_in_transactions_of_so_many_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_writer, "ROWS", 4)
    disk = Disk()
    journals = writer_on(disk, "abcdef")
    for journal, count in zip(journals, (2, 2, 1, 4, 9, 1), strict=True):
        add(journal, count)
    for journal in journals:
        await journal.settle()
    assert ["".join(row["turn_id"] for row in rows) for rows in disk.rounds] == [
        "aabb",
        "c",
        "dddd",
        "e" * 9,
        "f",
    ]
    assert [row["seq"] for row in disk.rounds[3]] == list(range(1, 10))


async def test_the_first_words_are_written_at_once_and_what_follows_gathers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_writer, "MAX_INTERVAL", 0.3)
    monkeypatch.setattr(journal_writer, "INTERVAL", 0.2)
    disk = Disk()
    (journal,) = writer_on(disk, "a")
    disk.free.clear()
    journal.text("p", "one")
    await until(lambda: disk.begun == 1)
    for words in ("two", "three"):  # while the first is written, so that no machine is too slow to say both
        journal.text("p", words)
        await asyncio.sleep(0)
    disk.free.set()
    await until(lambda: len(disk.rounds) == 2)
    assert [len(rows) for rows in disk.rounds] == [1, 1]
    assert "twothree" in disk.rounds[1][0]["payload"]
    assert disk.began_at[1] - disk.began_at[0] > 0.15
    monkeypatch.setattr(journal_writer, "MAX_INTERVAL", 3_600.0)
    monkeypatch.setattr(journal_writer, "INTERVAL", 3_600.0)
    journal.text("p", "four")
    add(journal)  # an event brings the words before it along, and does not wait for the interval
    await until(lambda: len(disk.rounds) == 3)


async def test_while_the_database_is_away_pauses_grow_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_writer, "AWAY_PAUSE", (0.05, 0.2))
    disk = Disk()
    first, second = writer_on(disk, "ab")
    disk.failures = [StoreUnavailable("away") for _ in range(4)]
    began = asyncio.get_running_loop().time()
    add(first)
    add(second, 2)
    await until(lambda: bool(disk.rounds))
    assert disk.at[0] - began > 0.05 + 0.1 + 0.2 + 0.2 - 0.05
    assert [(row["turn_id"], row["seq"]) for row in disk.rounds[0]] == [("a", 1), ("b", 1), ("b", 2)]
    assert disk.begun == 5
