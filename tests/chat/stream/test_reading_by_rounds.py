"""On a busy server turns read the model's words by rounds, before a disk of our own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from chat.stream import journal_writer
from chat.stream.events import PartDelta
from chat.stream.journal import Journal
from tests.chat.stream.disk import Disk, writer_on
from tests.waiting import until

pytestmark = pytest.mark.asyncio

TURNS = 2 * journal_writer.MANY
WORDS = [f"{number} " for number in range(10)]


@dataclass
class Turn:
    """Puts into its log whatever the model has said, and waits with reading as the server wants it. `reads`: what each reading found."""

    journal: Journal
    stream: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    reads: list[str] = field(default_factory=list)

    async def run(self) -> None:
        while words := await self.stream.get():
            while not self.stream.empty():
                words += self.stream.get_nowait()
            self.reads.append(words)
            self.journal.text("p", words)
            await self.journal.wait_to_read()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def turns(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Turn]]:
    """More turns than MANY, all of which wait with reading: the next regular round is an hour away."""
    turns = [Turn(journal) for journal in writer_on(disk, "".join(chr(0x100 + n) for n in range(TURNS)))]
    tasks = [asyncio.create_task(turn.run()) for turn in turns]
    for words in ("first ", "second "):
        await say(turns, words)
        await until(lambda words=words: disk.text.count(words) == TURNS)
    await until(lambda: not turns[0].journal._writer._readers)
    hold(monkeypatch, 3_600.0)
    await say(turns, "third ")
    for turn in turns:
        assert turn.reads.pop() == "third "
        turn.reads.clear()
    yield turns
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await turns[0].journal._writer.stop()


async def say(turns: list[Turn], words: str) -> None:
    """The model says something in every stream, and whoever reads has its turn."""
    for turn in turns:
        turn.stream.put_nowait(words)
    for _ in range(3):
        await asyncio.sleep(0)


def hold(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Regular rounds are so far apart from now on."""
    monkeypatch.setattr(journal_writer, "INTERVAL", seconds)
    monkeypatch.setattr(journal_writer, "MAX_INTERVAL", seconds)


async def test_what_arrives_between_two_rounds_is_read_at_once_and_written_with_the_next(
    disk: Disk, turns: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in WORDS:
        await say(turns, words)
    assert not any(turn.reads for turn in turns)
    hold(monkeypatch, 0.0)
    rounds = len(disk.rounds)
    turns[0].journal.event(PartDelta(part_id="p", text="now"))
    await until(lambda: len(disk.rounds) > rounds)
    assert [turn.reads for turn in turns] == [["".join(WORDS)]] * TURNS
    assert "".join(row["payload"] for row in disk.rounds[rounds]).count("".join(WORDS)) == TURNS


async def test_a_round_that_comes_early_for_something_urgent_lets_nobody_read(
    disk: Disk, turns: list[Turn]
) -> None:
    await say(turns, WORDS[0])
    rounds = len(disk.rounds)
    turns[0].journal.event(PartDelta(part_id="p", text="urgent"))
    await until(lambda: len(disk.rounds) > rounds)
    assert not any(turn.reads for turn in turns)


async def test_when_a_round_is_given_up_turns_read_on(disk: Disk, turns: list[Turn]) -> None:
    disk.failures = [asyncio.CancelledError()]
    await say(turns, WORDS[0])
    turns[0].journal.event(PartDelta(part_id="p", text="urgent"))
    await until(lambda: all(turn.reads for turn in turns))


async def test_few_turns_read_every_word_when_it_comes(disk: Disk) -> None:
    (journal,) = writer_on(disk, "a")
    turn = Turn(journal)
    task = asyncio.create_task(turn.run())
    for words in WORDS:
        await say([turn], words)
    await say([turn], "")
    await task
    assert turn.reads == WORDS
