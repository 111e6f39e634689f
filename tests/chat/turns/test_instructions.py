"""The instructions of a thread: what the model reads, what a turn is replayed from, and what a person is shown of their changes."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from chat.auth.tokens import new_token
from chat.config.tokens import Token
from context.request.prompts import MAX_INSTRUCTIONS, Instructions
from store.tables import thread_instructions
from tests.chat.talk import talk
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

POTTERY = "You help customers of a pottery."
WELSH = "Answer in Welsh."


def system(house: Palaver, request: int = -1) -> list[str]:
    """The system blocks of a request behind the deployment's."""
    first, *rest = (block["text"] for block in house.sim.requests[request]["system"])
    assert first == house.deps.deployment.prompt.text
    return rest


async def put(house: Palaver, thread: str, text: str) -> dict[str, Any]:
    answer = await house.http.put(f"/api/threads/{thread}/instructions", json={"text": text})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def read(house: Palaver, thread: str) -> dict[str, Any]:
    return await house.get(f"/api/threads/{thread}/instructions")


async def test_the_model_reads_them_from_the_next_turn_on_and_old_turns_are_replayed_exactly(
    house: Palaver, thread: str
) -> None:
    turns = [await house.chat(thread, "Hello")]
    for text in (POTTERY, WELSH):
        await put(house, thread, text)
        turns.append(await house.chat(thread, "And now?"))
    assert (await house.http.delete(f"/api/threads/{thread}/instructions")).status_code == 200
    turns.append(await house.chat(thread, "And at last?"))
    assert [system(house, number) for number in range(4)] == [[], [POTTERY], [WELSH], []]
    for turn, sent in zip(turns, house.sim.requests, strict=True):
        replayed = await house.get(f"/api/turns/{turn['id']}/request")
        assert (replayed["exact"], replayed["request"]) == (True, sent)
    plan = (await house.get(f"/api/turns/{turns[1]['id']}/context"))["plan"]
    assert plan["recipe"]["instructions_digest"] == Instructions.of(POTTERY).digest
    assert plan["estimate"]["instructions"] > 0


async def test_each_change_is_shown_with_where_it_was_made(house: Palaver, thread: str) -> None:
    created = await house.http.post("/api/threads", json={"id": thread, "instructions": POTTERY})
    assert created.json()["instructions_digest"] == Instructions.of(POTTERY).digest
    answer = (await house.chat(thread, "Hello"))["message"]
    await put(house, thread, WELSH)
    told = await put(house, thread, WELSH)
    assert (told["text"], told["digest"]) == (WELSH, Instructions.of(WELSH).digest)
    await house.http.delete(f"/api/threads/{thread}/instructions")
    await house.http.delete(f"/api/threads/{thread}/instructions")
    told = await read(house, thread)
    assert [(version["text"], version["after_id"]) for version in told["versions"]] == [
        (None, answer["id"]),
        (WELSH, answer["id"]),
        (POTTERY, None),
    ]
    assert (told["text"], told["digest"]) == (None, None)
    assert (await house.get(f"/api/threads/{thread}"))["instructions_digest"] is None


async def test_a_thread_without_any_says_so(house: Palaver, thread: str) -> None:
    await house.http.post("/api/threads", json={"id": thread})
    assert await read(house, thread) == {"digest": None, "text": None, "versions": []}


@pytest.mark.parametrize("body", [{"text": ""}, {"text": " \n"}, {"text": "x" * (MAX_INSTRUCTIONS + 1)}, {}])
async def test_bad_ones_are_refused_and_change_nothing(
    house: Palaver, thread: str, body: dict[str, Any]
) -> None:
    await house.http.post("/api/threads", json={"id": thread, "instructions": POTTERY})
    refused = await house.http.put(f"/api/threads/{thread}/instructions", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "text")
    assert (await read(house, thread))["text"] == POTTERY
    named = {"instructions" if name == "text" else name: value for name, value in body.items()}
    if named:
        refused = await house.http.post("/api/threads", json={"id": f"{thread}.2", **named})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "instructions")


async def test_an_unknown_thread_has_none(house: Palaver) -> None:
    path = "/api/threads/unknown/instructions"
    for answer in (
        await house.http.get(path),
        await house.http.put(path, json={"text": POTTERY}),
        await house.http.delete(path),
    ):
        assert answer.status_code == 404


async def test_they_go_with_their_thread(house: Palaver, thread: str) -> None:
    await house.http.post("/api/threads", json={"id": thread, "instructions": POTTERY})
    assert (await house.http.delete(f"/api/threads/{thread}")).status_code == 204
    query = thread_instructions.select().where(thread_instructions.c.thread_id == thread)
    assert await house.deps.database.read(lambda connection: connection.execute(query).all()) == []


async def test_they_are_cached_with_the_conversation(tmp_path: Path) -> None:
    async with talk(tmp_path) as conversation:
        house = conversation.app
        long = POTTERY + " Clay, glaze and kiln." * 400
        await house.http.post("/api/threads", json={"id": "t", "instructions": long})
        await conversation.say("Hello")
        conversation.clock.advance(20)
        turn = await conversation.say("And now?")
        usage = turn["usage"]
        assert usage["cached_input_tokens"] > 0.9 * usage["input_tokens"]
        await put(house, "t", long + " Prices are in euros.")
        changed = await conversation.say("And with prices?")
        assert not changed["usage"]["cached_input_tokens"], "the deployment's prompt alone is too short"


async def test_a_compaction_keeps_them_before_the_summary(tmp_path: Path) -> None:
    async with talk(tmp_path) as conversation:
        house = conversation.app
        await house.http.post("/api/threads", json={"id": "t", "instructions": POTTERY})
        await conversation.many(11, length=20)
        answer = await house.http.post("/api/threads/t/summary/compact")
        assert answer.status_code == 200, answer.text
        turn = await conversation.say("And now?")
        assert system(house) == [POTTERY]
        summary = await house.get("/api/threads/t/summary")
        replayed = await house.get(f"/api/turns/{turn['id']}/request")
        assert replayed["exact"]
        assert summary["lines"][0]["text"] in replayed["request"]["messages"][0]["content"][0]["text"]


@pytest.mark.parametrize(
    "words", ["自行车", "\u3131\u3131\u3131"]
)  # the latter is most tokens to a character
async def test_a_message_that_fits_only_without_them_is_refused_before_it_is_stored(
    tmp_path: Path, words: str
) -> None:
    small: dict[str, Any] = {
        f"model_{tier}": "claude-haiku-4-5" for tier in ("simple", "standard", "complex")
    }
    async with Simulator() as sim, palaver(tmp_path, sim, **small) as app:
        sizes, model = app.deps.runtime.sizes, app.deps.deployment.models["claude-haiku-4-5"]
        free = model.context_window - app.deps.deployment.output_limit(model)
        message = (
            "Hello"
            if words[0] == words[1]
            else words * ((free - 30_000) // sizes.bound(words * 100, model.id) * 100)
        )
        told = words * (MAX_INSTRUCTIONS // 3)
        await app.http.post("/api/threads", json={"id": "told", "instructions": told})
        refused = await app.http.post("/api/threads/told/turns", json={"input": {"text": message}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "context_too_long")
        assert await app.messages("told") == []
        turn = await app.chat("plain", message)
        assert turn["status"] == "completed"


async def test_a_token_may_have_some_for_the_threads_it_begins(tmp_path: Path) -> None:
    secret = new_token()
    shop = Token(name="shop", user="ada", sha256=sha256(secret.encode()).hexdigest(), instructions=POTTERY)
    async with Simulator() as sim, palaver(tmp_path, sim, tokens=[shop]) as app:
        app.http.headers["authorization"] = f"Bearer {secret}"
        await app.chat("posted", "Hello")
        assert system(app) == [POTTERY]
        await app.http.post("/api/threads", json={"id": "created"})
        assert (await read(app, "created"))["text"] == POTTERY
        await app.http.post("/api/threads", json={"id": "named", "instructions": WELSH})
        assert (await read(app, "named"))["text"] == WELSH
        await app.http.delete("/api/threads/posted/instructions")
        await app.chat("posted", "And now?")
        assert system(app) == [], "of a thread that exists nothing changes"
