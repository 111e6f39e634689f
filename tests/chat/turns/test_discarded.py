"""What a model thought whose answer was not taken does not stand above another one's: live, reloaded, or after a crash."""

from typing import Any

import pytest

from chat.stream import events as wire
from chat.turns.recovery import parts_of as parts_of_log
from store import events as store_events
from store.local_user import LOCAL
from tests.chat.outcomes import finished, notes
from tests.palaver import Palaver
from tests.sse import Event, parts_of
from tests.upstream import Reply, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"default_tier": "auto"}
WORK = "What is the capital of Australia?"  # a question for the middle tier


async def shown_parts(app: Palaver, thread: str, text: str) -> tuple[list[str], list[Event], dict[str, Any]]:
    """A turn's parts as a follower, a reload and a recovery show them, which must be the same."""
    accepted = await app.say(thread, text)
    events, turn = await finished(app, accepted["id"])
    texts = parts_of(events)
    assert [part["text"] for part in turn["message"]["parts"]] == texts
    logged = await app.deps.database.read(
        lambda connection: store_events.after(connection, LOCAL, turn["id"], 0, limit=10_000)
    )
    parts, _ = parts_of_log([wire.decode(payload) for _, payload in logged])
    assert [getattr(part, "text", None) for part in parts] == texts
    return texts, events, turn


async def test_a_refused_models_thoughts_leave_when_a_better_one_answers(house: Palaver, thread: str) -> None:
    refused = Reply(text="", thinking="I would rather not", stop_reason="refusal")
    house.sim.script(refused, Reply(text="Here it is.", thinking="Of course"))
    texts, events, _ = await shown_parts(house, thread, WORK)
    assert texts == ["Of course", "Here it is."]
    assert len(notes(events, "cascade")) == 1
    assert notes(events, "discard") == [{"part_ids": ["p1"]}]


async def test_the_thoughts_of_a_call_that_broke_leave_when_it_is_repeated(
    house: Palaver, thread: str
) -> None:
    broken = Reply(text="", thinking="Let me see", fault=faults.eof_after().fault)
    house.sim.script(broken, broken, Reply(text="Seen.", thinking="Another model sees"))
    texts, events, turn = await shown_parts(house, thread, WORK)
    assert texts == ["Another model sees", "Seen."]
    assert [len(notes(events, name)) for name in ("retry", "fallback", "discard")] == [1, 1, 2]
    assert turn["message"]["parts"][0]["type"] == "reasoning"


async def test_thoughts_that_used_up_the_limit_leave_when_there_is_more_room(
    house: Palaver, thread: str
) -> None:
    house.sim.script(
        faults.max_tokens_in_thinking("On the one hand"), Reply(text="Done.", thinking="Briefly")
    )
    assert (await shown_parts(house, thread, WORK))[0] == ["Briefly", "Done."]


async def test_an_answer_that_was_refused_leaves_with_all_its_parts(house: Palaver, thread: str) -> None:
    house.sim.script(faults.refusal(after="Not these words"))
    texts, _, turn = await shown_parts(house, thread, WORK)
    assert (texts, turn["error"]["code"]) == ([], "content_filtered")


async def test_what_nobody_answered_instead_stays(house: Palaver, thread: str) -> None:
    house.sim.respond(
        lambda request: Reply(text="", thinking=f"I am {request['model']}", fault=faults.eof_after().fault)
    )
    texts, _, turn = await shown_parts(house, thread, WORK)
    assert turn["status"] == "failed"
    assert len(texts) == 1, "of several models that broke off, the last one's thoughts are what there is"
