"""The growing answer: parts open, fill, and always close."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from chat.stream import events
from chat.stream.answer_builder import AnswerBuilder, harmless
from chat.stream.journal import BufferLimits, Journal, TurnLog
from chat.turns.recovery import parts_of as parts_of_log
from context.messages import ReasoningPart, TextPart
from store.database import Database
from store.errors import StoreFull
from tests.clocks import QuickClock
from tests.palaver import Palaver

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def draft_in(app: Palaver, turn_id: str) -> AsyncIterator[tuple[AnswerBuilder, TurnLog]]:
    """A draft whose journal belongs to a turn that has ended, from number 1001 on, so that both stay apart."""
    log = TurnLog()
    log.frames.extend([b""] * 1000)
    clock = QuickClock()
    limits = BufferLimits(seconds=0.05)
    yield AnswerBuilder(journal=Journal(app.deps.database, turn_id, log, clock, limits), clock=clock), log


async def stored_events(database: Database, turn_id: str) -> list[events.TurnEvent]:
    async with database.reading() as connection:
        rows = await connection.execute(
            text("SELECT payload FROM turn_events WHERE turn_id = :id AND seq > 1000 ORDER BY seq"),
            {"id": turn_id},
        )
        return [events.decode(payload) for (payload,) in rows]


def shape(logged: list[events.TurnEvent]) -> list[str]:
    return [
        f"{event.part_id} {getattr(event, 'kind', '') or getattr(event, 'text', '')}".strip()
        for event in logged
        if isinstance(event, events.PartStarted | events.PartDelta | events.PartEnded)
    ]


async def test_each_kind_of_words_gets_its_own_part(house: Palaver, thread: str) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    async with draft_in(house, turn_id) as (answer_builder, _):
        assert not answer_builder.has_text
        answer_builder.add("reasoning", "Hm")
        assert not answer_builder.has_text
        answer_builder.add("text", "So")
        assert answer_builder.has_text
        answer_builder.add("text", " be it")
        answer_builder.add("text", "")
        answer_builder.end_part()
        answer_builder.end_part()
        await answer_builder.journal.settle()
        logged = await stored_events(house.deps.database, turn_id)
    assert shape(logged) == ["p1 reasoning", "p1 Hm", "p1", "p2 text", "p2 So be it", "p2"]
    assert [type(part) for part in answer_builder.parts] == [ReasoningPart, TextPart]
    assert parts_of_log(logged)[0] == tuple(answer_builder.parts), (
        "what the log adds up to is what was drafted"
    )


async def test_words_the_store_could_not_keep_are_kept_once_it_can(house: Palaver, thread: str) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    database = house.deps.database

    async def pages(most: str) -> None:
        await database.write(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {most}")))

    async with draft_in(house, turn_id) as (answer_builder, log):
        shown = len(log.frames)
        await pages("1")  # as many as there are: the disk is full
        pieces = ["x" * 200_000]

        async def talk_on() -> None:
            answer_builder.add("text", pieces[0])
            while True:  # until the first batch has met the full disk
                await asyncio.sleep(0.01)  # the journal writes when its own timer says so
                pieces.append("y")
                answer_builder.add("text", "y")

        with pytest.raises(StoreFull):
            await asyncio.wait_for(talk_on(), 30)
        assert len(log.frames) == shown, "nothing is shown that is not kept"
        with pytest.raises(StoreFull):
            answer_builder.end_part()
        await pages("1000000")
        answer_builder.end_part()
        await answer_builder.journal.settle()
        logged = await stored_events(database, turn_id)
    assert parts_of_log(logged) == ((TextPart(text="".join(pieces)),), None)
    assert tuple(answer_builder.parts) == parts_of_log(logged)[0]


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("plain 😀", "plain 😀"),
        ("a\x00b", "a\ufffdb"),
        ("half \ud83d", "half \ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
async def test_text_nothing_can_hold_is_made_harmless(words: str, result: str) -> None:
    assert harmless(words) == result


async def test_the_log_of_a_torn_turn_tells_its_open_part() -> None:
    logged: list[events.TurnEvent] = [
        events.PartStarted(part_id="p1", kind="reasoning"),
        events.PartDelta(part_id="p1", text="Hm"),
        events.PartEnded(part_id="p1", seconds=1.5),
        events.PartStarted(part_id="p2", kind="text"),
        events.PartDelta(part_id="p2", text="So "),
        events.PartDelta(part_id="p2", text="be"),
    ]
    assert parts_of_log(logged) == ((ReasoningPart(text="Hm", seconds=1.5), TextPart(text="So be")), "p2")
