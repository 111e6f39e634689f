"""Threads: made, listed, renamed, archived, searched, read, deleted."""

from pathlib import Path
from typing import Any

import pytest

from tests.chat.outcomes import finished, ledger, notes
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def make(app: Palaver, **fields: Any) -> dict[str, Any]:
    answer = await app.http.post("/api/threads", json=fields)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/threads/{created['id']}"
    return created


async def patch(app: Palaver, thread: str, **fields: Any) -> dict[str, Any]:
    answer = await app.http.patch(f"/api/threads/{thread}", json=fields)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


async def test_a_new_thread(house: Palaver, thread: str) -> None:
    created = await make(house, id=thread, title="Plans", metadata={"colour": ["blue", 1, None]})
    assert created == {
        "id": thread, "title": "Plans", "metadata": {"colour": ["blue", 1, None]}, "created_at": created["created_at"],
        "updated_at": created["created_at"], "archived": False, "leaf_id": None, "unread": False, "running_turn_id": None,
        "tier": None,
        "instructions_digest": None,
    }  # fmt: skip
    assert await house.get(f"/api/threads/{thread}") == created
    again = await house.http.post("/api/threads", json={"id": thread, "title": "Other plans"})
    assert (again.status_code, again.json()) == (200, created), "a known id: the thread as it is"
    assert (await make(house))["id"].startswith("thr_")


async def test_a_thread_begins_with_its_first_turn_and_takes_its_words_as_title(
    house: Palaver, thread: str
) -> None:
    await house.chat(thread, "  Where\n does the   Rhine begin, and how long is it " + "really " * 20)
    snapshot = await house.get(f"/api/threads/{thread}")
    assert snapshot["title"] == "Where does the Rhine begin, and how long is it really…"
    await house.chat(thread, "And where does it end?")
    assert (await house.get(f"/api/threads/{thread}"))["title"] == snapshot["title"]


async def test_the_list_pages_newest_first_without_gap_or_overlap(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim) as app:
        created = [(await make(app, title=f"Thread {n}"))["id"] for n in range(7)]
        listed_ids: list[str] = []
        params: dict[str, Any] = {"limit": 3}
        while True:
            page = await app.get("/api/threads", **params)
            listed_ids += [row["id"] for row in page["threads"]]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        assert sorted(listed_ids) == sorted(created)
        await app.chat(created[0], "up again")
        assert (await app.get("/api/threads"))["threads"][0]["id"] == created[0]


async def test_archived_threads_are_a_list_of_their_own(house: Palaver, thread: str) -> None:
    async def listed(archived: str) -> bool:
        page = await house.get("/api/threads", archived=archived, limit=200)
        return thread in {row["id"] for row in page["threads"]}

    await make(house, id=thread)
    assert (await listed("false"), await listed("true")) == (True, False)
    assert (await patch(house, thread, archived=True))["archived"]
    assert (await listed("false"), await listed("true")) == (False, True)
    assert not (await patch(house, thread, archived=False))["archived"]
    assert (await listed("false"), await listed("true")) == (True, False)


async def test_titles_are_searched_whatever_the_case_and_the_signs(house: Palaver, thread: str) -> None:
    await make(house, id=f"{thread}-1", title=f"Übergänge {thread} 100%_sicher")
    await make(house, id=f"{thread}-2", title=f"Something {thread} else")
    for q, expected in {
        "übergänge": ["1"], f"{thread}": ["1", "2"], "100%_S": ["1"], "1__%": [], "' OR 1=1": [], "SOMETHING": ["2"],
    }.items():  # fmt: skip
        page = await house.get("/api/threads", q=q, limit=200)
        suffixes = sorted(row["id"][-1] for row in page["threads"] if row["id"].startswith(thread))
        assert suffixes == expected, q


async def test_a_rename_stays(house: Palaver, thread: str) -> None:
    await make(house, id=thread)
    assert (await patch(house, thread, title="Mine"))["title"] == "Mine"
    await house.chat(thread, "A question that could be a title")
    assert (await house.get(f"/api/threads/{thread}"))["title"] == "Mine"


@pytest.mark.parametrize(
    "fields",
    [{"title": None}, {"title": " "}, {"title": "x" * 201}, {"archived": None}, {"archived": "yes"}, {"read": False},
     {"leaf_id": None}, {"id": "other"}, {"updated_at": "2020-01-01"}],
)  # fmt: skip
async def test_changes_that_make_no_sense_are_refused(
    house: Palaver, thread: str, fields: dict[str, Any]
) -> None:
    before = await make(house, id=thread)
    assert (await house.http.patch(f"/api/threads/{thread}", json=fields)).status_code == 400
    assert await house.get(f"/api/threads/{thread}") == before


async def test_a_thread_is_unread_from_an_answer_until_it_is_read(house: Palaver, thread: str) -> None:
    async def unread() -> bool:
        return bool((await house.get(f"/api/threads/{thread}"))["unread"])

    gate = house.sim.gate()
    house.sim.script(Reply(gate=gate))
    accepted = await house.say(thread, "hello")
    assert not await unread()
    gate.open()
    await house.follow(accepted["id"])
    assert await unread()
    assert not (await patch(house, thread, read=True))["unread"]
    house.sim.script(faults.unauthorized())
    await house.chat(thread, "hello again")
    assert await unread(), "a failure is also news"


async def test_a_deleted_thread_leaves_nothing_but_its_ledger(house: Palaver, thread: str) -> None:
    word = thread.replace("-", "")
    turn = await house.chat(thread, f"the word is {word}")
    assert len((await house.get("/api/search", q=word))["results"]) == 2, "question and answer"
    assert (await house.http.delete(f"/api/threads/{thread}")).status_code == 204
    for path in (f"/api/threads/{thread}", f"/api/turns/{turn['id']}", f"/api/turns/{turn['id']}/events"):
        assert (await house.http.get(path)).status_code == 404
    assert (await house.http.delete(f"/api/threads/{thread}")).status_code == 404
    assert (await house.get("/api/search", q=word))["results"] == []
    assert len(await ledger(house, turn["id"])) == 1
    await house.chat(thread, "the same id again")
    assert len(await house.messages(thread)) == 2


async def test_search_shows_where_and_marks_what_matched(house: Palaver, thread: str) -> None:
    word = thread.replace("-", "")
    house.sim.script(Reply(text="Nothing to add.", thinking=f"{word} in a thought is not searched"))
    turn = await house.chat(thread, f"Long ago, {word.upper()} was <b>said</b> " + "and more " * 100)
    (hit,) = (await house.get("/api/search", q=word))["results"]
    assert (hit["thread_id"], hit["message_id"], hit["role"]) == (thread, turn["user_message_id"], "user")
    assert [piece["text"] for piece in hit["snippet"] if piece["match"]] == [word.upper()]
    text = "".join(piece["text"] for piece in hit["snippet"])
    assert text.startswith(f"Long ago, {word.upper()} was <b>said</b> and")
    assert len(text) <= 240
    assert (await house.get("/api/search", q=word, thread_id="elsewhere"))["results"] == []


async def test_the_simple_model_writes_the_title_once(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, titles="model") as app:
        is_title = "You write titles"
        gate = sim.gate()

        def reply(request: dict[str, Any]) -> Reply:
            if request["system"][0]["text"].startswith(is_title):
                return Reply(text='"The Rhine\'s Source."\n')
            return Reply(text="In Switzerland.", gate=gate)

        sim.respond(reply)
        accepted = await app.say("t", "Where does the Rhine begin?")
        async for event in app.stream(accepted["id"]):
            if event.type == "note" and event.data["name"] == "title":
                gate.open()  # the answer may end once the title is there
        events, turn = await finished(app, accepted["id"])
        assert notes(events, "title") == [{"title": "The Rhine's Source"}]
        assert (await app.get("/api/threads/t"))["title"] == "The Rhine's Source"
        assert sorted(row.purpose for row in await ledger(app, turn["id"])) == ["reply", "title"]
        titles = [request for request in sim.requests if request["system"][0]["text"].startswith(is_title)]
        assert [request["model"] for request in titles] == ["claude-haiku-5-5"]
        await app.chat("t", "And how long is it?")
        await app.sim.idle()
        assert (
            len([request for request in sim.requests if request["system"][0]["text"].startswith(is_title)])
            == 1
        )


async def test_a_page_of_long_messages_ends_early_and_is_paged_back(
    house: Palaver, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.api.messages.PAGE_TOKENS", 1_500)
    for number in range(3):
        await house.chat(thread, f"{number} " + "as we said " * 300)
    pages: list[list[dict[str, Any]]] = []
    before: dict[str, str] = {}
    while True:
        page = await house.get(f"/api/threads/{thread}/messages", **before)
        pages.append(page["messages"])
        if not page["has_more"]:
            break
        before = {"before": page["messages"][0]["id"]}
    assert len(pages) > 1
    said = [
        message["parts"][0]["text"][0]
        for page in reversed(pages)
        for message in page
        if message["role"] == "user"
    ]
    assert said == ["0", "1", "2"]
