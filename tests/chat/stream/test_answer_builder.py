"""The growing answer: parts open, fill, and always close."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import text

from chat.clock import Clock
from chat.stream import events
from chat.stream.answer_builder import AnswerBuilder, harmless
from chat.stream.event_storage import Failures
from chat.stream.journal import BufferLimits, TurnLog
from chat.stream.journal_writer import JournalWriter
from chat.turns.recovery import parts_of as parts_of_log
from context.messages import ReasoningPart, TextPart, ToolPart
from store.database import Database
from store.errors import StoreFull, StoreUnavailable
from tests.chat.stream.storing import Batches, Store, stand_between, stored_events
from tests.clocks import QuickClock, ScriptedClock
from tests.palaver import Palaver
from tests.upstream import SimClock
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = BufferLimits(seconds=0.05)


@asynccontextmanager
async def draft_in(
    app: Palaver, turn_id: str, clock: Clock | None = None, limits: BufferLimits = SHORT
) -> AsyncIterator[tuple[AnswerBuilder, TurnLog]]:
    """A draft whose journal belongs to a turn that has been answered, from number 1001 on, so that both stay apart."""
    running = text("UPDATE turns SET status = 'running', lease_until = 9e15 WHERE id = :id")
    await app.deps.database.write(lambda connection: connection.execute(running, {"id": turn_id}))
    log = TurnLog()
    log.extend([b""] * 1000)
    clock = clock or QuickClock()
    yield (
        AnswerBuilder(
            journal=JournalWriter(app.deps.database, clock, limits).journal(turn_id, log), clock=clock
        ),
        log,
    )


async def stored(database: Database, turn_id: str) -> list[events.TurnEvent]:
    logged = await stored_events(database, turn_id)
    return [events.decode(payload) for seq, payload in logged.items() if seq > 1000]


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
        logged = await stored(house.deps.database, turn_id)
    assert shape(logged) == ["p1 reasoning", "p1 Hm", "p1", "p2 text", "p2 So be it", "p2"]
    assert [type(part) for part in answer_builder.parts] == [ReasoningPart, TextPart]
    assert parts_of_log(logged)[0] == tuple(answer_builder.parts), (
        "what the log adds up to is what was drafted"
    )


async def test_reasoning_is_timed_to_a_tenth_of_a_second(house: Palaver, thread: str) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    time = SimClock(start=1_000.0)
    async with draft_in(house, turn_id, ScriptedClock(time)) as (answer_builder, _):
        answer_builder.add("reasoning", "Hm")
        time.advance(1.26)
        answer_builder.add("text", "So be it")
        time.advance(5)
        answer_builder.end_part()
        await answer_builder.journal.settle()
        logged = await stored(house.deps.database, turn_id)
    assert [event.seconds for event in logged if isinstance(event, events.PartEnded)] == [1.3, None]
    assert answer_builder.parts == [ReasoningPart(text="Hm", seconds=1.3), TextPart(text="So be it")]


async def test_a_tool_is_one_part_that_is_complete_at_once(house: Palaver, thread: str) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    async with draft_in(house, turn_id) as (answer_builder, _):
        answer_builder.add("text", "Let me look.")
        answer_builder.tool("search_conversation", "the\x00harbor", 3)
        answer_builder.add("text", "In May.")
        answer_builder.end_part()
        await answer_builder.journal.settle()
        logged = await stored(house.deps.database, turn_id)
    assert shape(logged) == [
        "p1 text",
        "p1 Let me look.",
        "p1",
        "p2 tool",
        "p2",
        "p3 text",
        "p3 In May.",
        "p3",
    ]
    started, ended = [event for event in logged if getattr(event, "part_id", "") == "p2"]
    assert isinstance(started, events.PartStarted)
    assert isinstance(ended, events.PartEnded)
    assert (started.name, started.input) == ("search_conversation", {"query": "the\ufffdharbor"})
    assert ended.result == {"found": 3}
    assert answer_builder.parts[1] == ToolPart(name="search_conversation", query="the\ufffdharbor", found=3)
    assert parts_of_log(logged) == (tuple(answer_builder.parts), None)


async def test_what_another_answer_replaces_is_taken_away_and_its_numbers_are_not_used_again(
    house: Palaver, thread: str
) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    async with draft_in(house, turn_id) as (answer_builder, _):
        answer_builder.discard()
        answer_builder.add("reasoning", "Hm")
        answer_builder.tool("search_conversation", "harbor", 0)
        answer_builder.add("reasoning", "Perhaps")
        answer_builder.discard(1)
        answer_builder.add("text", "In May.")
        answer_builder.end_part()
        await answer_builder.journal.settle()
        logged = await stored(house.deps.database, turn_id)
    notes = [event.data for event in logged if isinstance(event, events.Note)]
    assert notes == [{"part_ids": ["p2", "p3"]}], "one note, and none where there was nothing to take away"
    assert shape(logged)[-3:] == ["p4 text", "p4 In May.", "p4"]
    assert [type(part) for part in answer_builder.parts] == [ReasoningPart, TextPart]
    assert parts_of_log(logged) == (tuple(answer_builder.parts), None)


async def test_the_delay_of_the_database_is_told_to_a_tenth_of_a_second(
    house: Palaver, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    time = SimClock(start=1_000.0)
    tries: list[float] = []

    async def away_once(_: Batches, store: Store) -> Failures:
        tries.append(time.now)
        if len(tries) == 1:
            time.advance(1.26)
            raise StoreUnavailable("away")
        return await store()

    limits = BufferLimits(seconds=60)
    async with draft_in(house, turn_id, ScriptedClock(time), limits) as (answer_builder, _):
        stand_between(monkeypatch, away_once)
        answer_builder.add("text", "So be it")
        with suppress(StoreUnavailable):
            await answer_builder.journal.settle()
        await answer_builder.journal.settle()
        logged = await stored(house.deps.database, turn_id)
    assert len(tries) == 3
    assert [event.data for event in logged if isinstance(event, events.Note)] == [{"seconds": 1.3}]


async def test_an_error_that_is_not_the_databases_reaches_the_turn_at_its_next_word(
    house: Palaver, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    failed = asyncio.Event()

    async def broken(*_: Any) -> Failures:
        failed.set()
        raise LookupError("a fault of ours")

    async with draft_in(house, turn_id) as (answer_builder, log):
        shown = log.last
        stand_between(monkeypatch, broken)
        answer_builder.add("text", "So")
        await failed.wait()
        with pytest.raises(LookupError):
            answer_builder.add("text", " be it")
        assert log.last == shown, "nothing is shown that is not kept"


async def test_words_the_store_could_not_keep_are_kept_once_it_can(house: Palaver, thread: str) -> None:
    turn_id = (await house.chat(thread, "hello"))["id"]
    database = house.deps.database

    async def pages(most: str) -> None:
        await database.write(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {most}")))

    async with draft_in(house, turn_id) as (answer_builder, log):
        shown = log.last
        await pages("1")  # as many as there are: the disk is full
        pieces = ["x" * 200_000]

        async def talk_on() -> None:
            answer_builder.add("text", pieces[0])
            while True:  # until the first batch has met the full disk
                await asyncio.sleep(0.01)  # the journal writes when its own timer says so
                pieces.append("y")
                answer_builder.add("text", "y")

        with pytest.raises(StoreFull):
            await asyncio.wait_for(talk_on(), LIMIT)
        assert log.last == shown, "nothing is shown that is not kept"
        with pytest.raises(StoreFull):
            answer_builder.end_part()
        await pages("1000000")
        answer_builder.end_part()
        await answer_builder.journal.settle()
        logged = await stored(database, turn_id)
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
