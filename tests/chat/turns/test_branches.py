"""Threads are trees: edit, regenerate, look at another branch; nothing is destroyed."""

from typing import Any

import pytest

from tests.palaver import Palaver
from tests.upstream import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")


def texts_sent(request: dict[str, Any]) -> list[str]:
    """What the model was told, in order."""
    return [block["text"] for turn in request["messages"] for block in turn["content"]]


async def texts_shown(app: Palaver, thread: str, **params: Any) -> list[str]:
    """The texts of the visible branch."""
    shown = await app.messages(thread, **params)
    return ["".join(p["text"] for p in message["parts"] if p["type"] == "text") for message in shown]


async def conversation(app: Palaver, thread: str) -> list[dict[str, Any]]:
    """Two questions and answers: q1 a1 q2 a2."""
    for number in (1, 2):
        app.sim.script(Reply(text=f"a{number}", thinking=""))
        await app.chat(thread, f"q{number}")
    return await app.messages(thread)


async def test_another_answer_becomes_a_sibling_and_is_shown(house: Palaver, thread: str) -> None:
    _, _, q2, a2 = await conversation(house, thread)
    house.sim.script(Reply(text="a2 again", thinking=""))
    accepted = await house.regenerate(thread, a2["id"])
    await house.follow(accepted["id"])
    assert accepted["user_message_id"] == q2["id"]
    assert texts_sent(house.sim.requests[-1]) == ["q1", "a1", "q2"]
    assert await texts_shown(house, thread) == ["q1", "a1", "q2", "a2 again"]
    last = (await house.messages(thread))[-1]
    assert last["sibling_ids"] == [a2["id"], accepted["message_id"]]


async def test_an_edit_branches_above_the_message(house: Palaver, thread: str) -> None:
    _, a1, q2, _ = await conversation(house, thread)
    house.sim.script(Reply(text="a2b", thinking=""))
    await house.chat(thread, "q2 edited", parent_id=q2["parent_id"])
    assert texts_sent(house.sim.requests[-1]) == ["q1", "a1", "q2 edited"]
    assert await texts_shown(house, thread) == ["q1", "a1", "q2 edited", "a2b"]
    assert (await house.messages(thread))[2]["parent_id"] == a1["id"]
    assert len((await house.messages(thread))[2]["sibling_ids"]) == 2


async def test_an_edit_of_the_first_message_is_a_new_beginning(house: Palaver, thread: str) -> None:
    q1 = (await conversation(house, thread))[0]
    house.sim.script(Reply(text="fresh", thinking=""))
    await house.chat(thread, "q1 edited", parent_id=None)
    assert texts_sent(house.sim.requests[-1]) == ["q1 edited"]
    shown = await house.messages(thread)
    assert [message["parent_id"] for message in shown] == [None, shown[0]["id"]]
    assert shown[0]["sibling_ids"] == [q1["id"], shown[0]["id"]]


async def test_the_visible_branch_can_be_changed_back_and_goes_on_from_there(
    house: Palaver, thread: str
) -> None:
    _, _, q2, a2 = await conversation(house, thread)
    await house.chat(thread, "q2 edited", parent_id=q2["parent_id"])
    changed = await house.http.patch(f"/api/threads/{thread}", json={"leaf_id": q2["id"]})
    assert changed.json()["leaf_id"] == a2["id"], "the newest leaf below it"
    assert await texts_shown(house, thread) == ["q1", "a1", "q2", "a2"]
    house.sim.script(Reply(text="a3", thinking=""))
    await house.chat(thread, "q3")
    assert texts_sent(house.sim.requests[-1]) == ["q1", "a1", "q2", "a2", "q3"]


async def test_another_branch_can_be_read_without_changing_the_visible_one(
    house: Palaver, thread: str
) -> None:
    _, _, q2, a2 = await conversation(house, thread)
    house.sim.script(Reply(text="a2b", thinking=""))
    await house.chat(thread, "q2 edited", parent_id=q2["parent_id"])
    assert await texts_shown(house, thread, leaf=a2["id"]) == ["q1", "a1", "q2", "a2"]
    assert await texts_shown(house, thread) == ["q1", "a1", "q2 edited", "a2b"]


async def test_pages_go_back_to_the_beginning_without_gap_or_overlap(house: Palaver, thread: str) -> None:
    for n in range(5):
        house.sim.script(Reply(text=f"a{n}", thinking=""))
        await house.chat(thread, f"q{n}")
    collected: list[str] = []
    before: str | None = None
    more = True
    while more:
        params = {"limit": 3} if before is None else {"limit": 3, "before": before}
        page = await house.get(f"/api/threads/{thread}/messages", **params)
        texts = [message["parts"][-1]["text"] for message in page["messages"]]
        collected = texts + collected
        before, more = page["messages"][0]["id"], page["has_more"]
    assert collected == [f"{who}{n}" for n in range(5) for who in "qa"]
    assert (await house.get(f"/api/threads/{thread}/messages", before=before))["messages"] == []


async def test_a_new_message_follows_an_answer(house: Palaver, thread: str) -> None:
    q1 = (await conversation(house, thread))[0]
    answer = await house.http.post(
        f"/api/threads/{thread}/turns", json={"input": {"text": "x"}, "parent_id": q1["id"]}
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "parent_id")
    answer = await house.http.post(f"/api/threads/{thread}/turns", json={"regenerate": q1["id"]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "regenerate")


async def test_messages_of_another_thread_are_unknown_here(house: Palaver, thread: str) -> None:
    other = await conversation(house, f"{thread}-other")
    await conversation(house, thread)
    for body in ({"input": {"text": "x"}, "parent_id": other[1]["id"]}, {"regenerate": other[1]["id"]}):
        answer = await house.http.post(f"/api/threads/{thread}/turns", json=body)
        assert answer.status_code == 404
    answer = await house.http.patch(f"/api/threads/{thread}", json={"leaf_id": other[1]["id"]})
    assert answer.status_code == 404
    for name in ("before", "leaf"):
        answer = await house.http.get(f"/api/threads/{thread}/messages", params={name: other[1]["id"]})
        assert answer.status_code == 404


async def test_the_branch_cannot_be_changed_while_an_answer_is_written(house: Palaver, thread: str) -> None:
    q1 = (await conversation(house, thread))[0]
    house.sim.script(Reply(hold=True))
    accepted = await house.say(thread, "q3")
    answer = await house.http.patch(f"/api/threads/{thread}", json={"leaf_id": q1["id"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "thread_busy")
    await house.http.post(f"/api/turns/{accepted['id']}/cancel")
    await house.follow(accepted["id"])


async def test_feedback_stays_with_the_answer(house: Palaver, thread: str) -> None:
    a1 = (await conversation(house, thread))[1]
    for rating in ("up", "down", None):
        answer = await house.http.put(f"/api/messages/{a1['id']}/feedback", json={"rating": rating})
        assert (answer.status_code, answer.json()["feedback"]) == (200, rating)
        assert (await house.messages(thread))[1]["feedback"] == rating
    assert (await house.http.put("/api/messages/none/feedback", json={"rating": "up"})).status_code == 404
