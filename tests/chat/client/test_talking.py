"""What both clients do with a server that answers: threads, turns, words, events, messages, errors."""

import asyncio

import pytest

from chat.background.event_log_cleanup import delete_old_event_logs
from chat.client import ApiError, AsyncPalaver, TurnCancelled, TurnFailed
from chat.stream import events
from tests.palaver import Palaver
from tests.upstream import Reply, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"log_hours": 24}


async def test_the_words_of_an_answer_come_one_after_the_other(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="Let me count.", gate=gate))
    turn = await guest.thread(thread).send("Count", metadata={"a": "b"}, feature="support")
    assert turn.accepted is not None
    assert turn.accepted.status == "running"
    assert (turn.id, thread) == (turn.accepted.id, turn.accepted.thread_id)
    gate.release(6)
    heard = ""
    async for words in turn:
        if not heard:
            assert words in ("one ", "one two ")
            assert (await turn.get()).status == "running"
            gate.open()
        heard += words
    assert heard == "one two three"
    assert await turn.text() == "one two three", "each time from the first word"
    ended = await turn.get()
    assert (ended.status, ended.message.text, ended.message.id) == (
        "completed",
        heard,
        turn.accepted.message_id,
    )
    assert ended.usage is not None
    assert ended.usage == ended.message.usage


async def test_a_second_turn_goes_on_in_the_thread(house: Palaver, guest: AsyncPalaver, thread: str) -> None:
    house.sim.script(Reply(text="Hello Ada."), Reply(text="You are Ada."))
    talk = guest.thread(thread)
    assert await (await talk.send("I am Ada.")).text() == "Hello Ada."
    assert await (await talk.send("Who am I?", model="standard")).text() == "You are Ada."
    page = await talk.messages()
    said = [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?"), ("assistant", "You are Ada.")]  # fmt: skip
    assert [(message.role, message.text) for message in page.messages] == said
    assert [part.type for part in page.messages[1].parts] == ["reasoning", "text"]
    assert (page.has_more, page.leaf_id) == (False, page.messages[-1].id)
    older = await talk.messages(limit=1, before=page.messages[2].id)
    assert [message.text for message in older.messages] == ["Hello Ada."]
    assert older.has_more


async def test_edit_regenerate_and_continue_make_siblings(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    house.sim.script(*(Reply(text=text, thinking="") for text in ("Red.", "Blue.", "Green.", "Mauve.")))
    talk = guest.thread(thread)
    assert await (await talk.send("A color?")).text() == "Red."
    question, answer = (await talk.messages()).messages
    assert await (await talk.regenerate(answer.id)).text() == "Blue."
    assert await (await talk.edit(question, "A cold color?")).text() == "Green."
    page = await talk.messages()
    assert [message.text for message in page.messages] == ["A cold color?", "Green."]
    assert page.messages[0].sibling_ids == [question.id, page.messages[0].id]
    below = await talk.send("Another?", parent_id=answer.id, message_id=f"mine-{thread}")
    assert await below.text() == "Mauve."
    branch = [message.text for message in (await talk.messages()).messages]
    assert branch == ["A color?", "Red.", "Another?", "Mauve."]
    house.sim.script(faults.reset_after("The first half of a sen"), Reply(text="tence.", thinking=""))
    with pytest.raises(TurnFailed) as broken:
        await (await talk.send("Tell me")).text()
    assert broken.value.retryable
    half = (await talk.messages(limit=1)).messages[0]
    assert half.error is not None
    assert (half.text, half.error.code) == ("The first half of a sen", broken.value.code)
    assert await (await talk.continue_answer(half.id)).text() == "The first half of a sentence."


async def test_threads_are_made_listed_changed_and_deleted(guest: AsyncPalaver, thread: str) -> None:
    talk = guest.thread(f"{thread}-made")
    made = await talk.create(title=f"Kilns of {thread}", metadata={"customer": "42"})
    assert (made.id, made.metadata, made.running_turn_id) == (talk.id, {"customer": "42"}, None)
    assert await talk.create(title="Something else") == made, "one that exists stays as it is"
    assert (await talk.change(tier="complex", archived=True)).tier == "complex"
    assert await talk.get() == (await talk.change())
    assert [found.id async for found in guest.threads(archived=True, title=f"of {thread}")] == [talk.id]
    assert [found.id async for found in guest.threads(title=f"of {thread}")] == []
    await talk.delete()
    with pytest.raises(ApiError) as gone:
        await talk.get()
    assert (gone.value.status, gone.value.code, gone.value.param) == (404, "not_found", "thread")
    with pytest.raises(ApiError, match="not_found"):
        await talk.delete()
    other = guest.thread()
    assert other.id != guest.thread().id
    await other.create()
    assert (await other.get()).title is None


async def test_a_list_of_threads_is_read_page_by_page(guest: AsyncPalaver, thread: str) -> None:
    names = [f"{thread}-{number}" for number in range(105)]
    await asyncio.gather(*(guest.thread(name).create(title=f"many of {thread}") for name in names))
    assert sorted([found.id async for found in guest.threads(title=f"many of {thread}")]) == sorted(names)


async def test_events_have_types_and_begin_behind_a_cursor(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    house.sim.script(Reply(text="one two three", chunk=4, thinking="Let me count."))
    turn = await guest.thread(thread).send("Count")
    received = [event async for event in turn.events()]
    assert isinstance(received[0], events.TurnStarted)
    assert isinstance(received[-1], events.TurnCompleted)
    assert {type(event) for event in received[1:-1]} == {
        events.Note, events.PartStarted, events.PartDelta, events.PartEnded,
    }  # fmt: skip
    assert [event.seq for event in received] == list(range(1, len(received) + 1))
    assert [event async for event in guest.turn(turn.id).events(after=3)] == received[3:]
    assert [event async for event in turn.events(after=received[-1].seq)] == []


async def test_resume_comes_back_to_the_turn_that_runs(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    talk = guest.thread(thread)
    turn = await talk.send("Count")
    gate.release(2)
    await gate.reached()
    again = await talk.resume()
    assert again is not None
    assert again.id == turn.id
    gate.open()
    assert await again.text() == "one two three"
    assert await talk.resume() is None


async def test_cancel_keeps_the_text_so_far_and_ends_the_loop_of_whoever_cancels(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    turn = await guest.thread(thread).send("Count")
    gate.release(1)
    heard = ""
    async for words in turn:
        heard += words
        await turn.cancel()
    assert heard == "one "
    assert ((await turn.get()).status, (await turn.get()).message.text) == ("cancelled", "one ")
    with pytest.raises(TurnCancelled) as cancelled:
        await guest.turn(turn.id).text()
    assert cancelled.value.turn_id == turn.id
    await turn.cancel()


async def test_an_error_before_the_answer(house: Palaver, guest: AsyncPalaver, thread: str) -> None:
    house.sim.script(faults.payment_required())
    with pytest.raises(TurnFailed) as failed:
        await (await guest.thread(thread).send("Hello")).text()
    assert (failed.value.code, failed.value.retryable) == ("upstream_error", False)
    with pytest.raises(ApiError) as refused:
        await guest.thread(thread).send("Hello", model="gpt-4")
    assert (refused.value.status, refused.value.code, refused.value.param) == (
        404,
        "model_not_found",
        "model",
    )
    assert refused.value.request_id
    assert refused.value.message in str(refused.value)
    with pytest.raises(ApiError) as blank:
        await guest.thread(thread).send("  ")
    assert (blank.value.status, blank.value.code) == (400, "bad_request")
    with pytest.raises(ValueError, match="an id has"):
        guest.thread("../usage")


async def test_an_error_in_the_middle_raises_behind_the_words(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    house.sim.script(faults.error_event("one two "))
    turn = await guest.thread(thread).send("Count")
    heard = ""
    with pytest.raises(TurnFailed) as failed:  # noqa: PT012 - what was heard before it counts
        async for words in turn:
            heard += words
    assert heard.startswith("one ")
    assert (failed.value.code, failed.value.turn_id) == ("upstream_error", turn.id)
    ended = await turn.get()
    assert (ended.status, ended.message.text) == ("failed", heard)
    last = [event async for event in turn.events()][-1]
    assert isinstance(last, events.TurnFailed)


async def test_a_busy_thread_is_an_error_at_once(house: Palaver, guest: AsyncPalaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="Yes.", gate=gate))
    talk = guest.thread(thread)
    turn = await talk.send("Hello")
    with pytest.raises(ApiError) as busy:
        await talk.send("Me too")
    assert (busy.value.status, busy.value.code, busy.value.retryable) == (409, "thread_busy", True)
    gate.open()
    assert await turn.text() == "Yes."


async def test_the_same_key_is_the_same_turn(house: Palaver, guest: AsyncPalaver, thread: str) -> None:
    house.sim.script(Reply(text="one"), Reply(text="two"))
    talk = guest.thread(thread)
    first = await talk.send("Count", key=f"key-{thread}")
    assert await first.text() == "one"
    assert (await talk.send("Count", key=f"key-{thread}")).id == first.id
    with pytest.raises(ApiError, match="idempotency_key_reused"):
        await talk.send("Count on", key=f"key-{thread}")
    assert await (await talk.send("Count")).text() == "two", "without a key each call is a turn of its own"


async def test_when_the_log_is_gone_the_stored_answer_is_read(
    house: Palaver, guest: AsyncPalaver, thread: str
) -> None:
    house.sim.script(Reply(text="one two three", thinking="Let me count."))
    turn = await guest.thread(thread).send("Count")
    received = [event async for event in turn.events()]
    await delete_old_event_logs(house.deps.runtime, hours=-1)  # as if they had passed
    assert await turn.text() == "one two three"
    made = [event async for event in turn.events()]
    assert made[-1] == received[-1]
    assert {type(event) for event in made} == {type(event) for event in received} - {events.Note}
    assert {event.seq for event in made[:-1]} == {0}
    with pytest.raises(ApiError, match="log_gone"):
        [event async for event in turn.events(after=2)]
    assert [event async for event in turn.events(after=received[-1].seq)] == []
