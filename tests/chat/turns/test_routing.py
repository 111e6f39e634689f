"""The router in a turn: what it chooses, what fixes the choice, what is told and kept, and the second tries."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio

from chat.config.routing_rules import RoutingRule
from chat.config.tokens import Token
from context.models.catalog import Tier
from context.routing.choice import replay
from context.routing.complexity import assess
from tests.chat.outcomes import finished, ledger, notes
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIMPLE, STANDARD, COMPLEX = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"
WORK = "Prove step by step that the square root of 2 is irrational, and implement the check in Python."
RULES = (
    RoutingRule(name="contracts", tier="complex", pattern="(?i)contract"),
    RoutingRule(name="bots", tier="simple", label="bot"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def routed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    folder = tmp_path_factory.mktemp("routed")
    async with (
        Simulator() as sim,
        palaver(folder, sim, clock=QuickClock(), default_tier="auto", routing_rules=RULES) as app,
    ):
        yield app


@pytest.fixture
def app(routed: Palaver) -> Palaver:
    routed.sim.reset()
    return routed


async def route_of(app: Palaver, turn: dict[str, Any]) -> dict[str, Any]:
    route: dict[str, Any] = (await app.get(f"/api/turns/{turn['id']}/context"))["plan"]["route"]
    return route


def models(app: Palaver) -> list[str]:
    return [request["model"] for request in app.sim.requests]


@pytest.mark.parametrize(
    ("text", "fields", "model", "by"),
    [
        ("thanks a lot!", {}, SIMPLE, "score"),
        ("What is the capital of Australia?", {}, STANDARD, "score"),
        (WORK, {}, COMPLEX, "score"),
        (WORK, {"model": "simple"}, SIMPLE, "turn"),
        ("hello", {"model": COMPLEX}, COMPLEX, "turn"),
        ("the Contract, please", {}, COMPLEX, "rule"),
        (WORK, {"metadata": {"label": "bot"}}, SIMPLE, "rule"),
        (WORK, {"metadata": {"labels": ["x", "bot"]}}, SIMPLE, "rule"),
    ],
)
async def test_bounds_come_before_wishes_pins_rules_and_scores(
    app: Palaver, thread: str, text: str, fields: dict[str, Any], model: str, by: str
) -> None:
    turn = await app.chat(thread, text, **fields)
    route = await route_of(app, turn)
    assert models(app) == [model]
    assert (route["model"], route["by"]) == (model, by)


async def test_the_choice_is_told_with_its_price_and_kept_with_all_it_was_made_from(
    app: Palaver, thread: str
) -> None:
    accepted = await app.say(thread, "thanks a lot!")
    events, turn = await finished(app, accepted["id"])
    (note,) = notes(events, "route")
    assert (note["model"], note["tier"]) == (SIMPLE, "simple")
    assert note["reason"].startswith("Haiku 5.5: small talk, $0.0")
    assert "; Opus 5.5 would be $0.0" in note["reason"]
    route = await route_of(app, turn)
    assert route["reason"] == note["reason"]
    assert [candidate["tier"] for candidate in route["candidates"]] == ["simple", "standard", "complex"]
    assert 0 < route["candidates"][0]["price_pico_usd"] < route["candidates"][2]["price_pico_usd"]
    assert route["complexity"]["signals"]
    assert replay(route).to_json() == route, "anyone can choose again from what was kept"
    (row,) = await ledger(app, turn["id"])
    assert row.tier == "simple"


async def test_a_thread_can_be_pinned_and_freed_again(app: Palaver, thread: str) -> None:
    await app.chat(thread, "hello")
    pinned = await app.http.patch(f"/api/threads/{thread}", json={"tier": "complex"})
    assert pinned.json()["tier"] == "complex"
    turn = await app.chat(thread, "thanks")
    assert (await route_of(app, turn))["reason"].startswith("Opus 5.5: complex is pinned for this thread")
    freed = await app.http.patch(f"/api/threads/{thread}", json={"tier": "auto"})
    assert freed.json()["tier"] is None
    await app.chat(thread, "thanks again")
    assert models(app) == [SIMPLE, COMPLEX, SIMPLE]
    wrong = await app.http.patch(f"/api/threads/{thread}", json={"tier": "best"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "tier")


async def test_a_follow_up_on_work_stays_with_the_model_that_can_do_it(app: Palaver, thread: str) -> None:
    await app.chat(thread, WORK)
    await app.chat(thread, "Can you do the same for the cube root?")
    await app.chat(thread, "thanks!")
    assert models(app) == [COMPLEX, COMPLEX, SIMPLE]


async def test_a_correction_is_answered_by_a_better_model(app: Palaver, thread: str) -> None:
    await app.chat(thread, "What is the capital of Australia?")
    turn = await app.chat(thread, "That is wrong.")
    assert models(app) == [STANDARD, COMPLEX]
    assert "it says that the last answer was wrong" in (await route_of(app, turn))["reason"]


async def test_another_answer_after_a_thumb_down_comes_from_one_tier_up(app: Palaver, thread: str) -> None:
    first = await app.chat(thread, "thanks a lot!")
    liked = await app.regenerate(thread, first["message"]["id"])
    await app.follow(liked["id"])
    await app.http.put(f"/api/messages/{first['message']['id']}/feedback", json={"rating": "down"})
    better = await app.regenerate(thread, first["message"]["id"])
    await app.follow(better["id"])
    assert models(app) == [SIMPLE, SIMPLE, STANDARD]
    assert "the last answer was disliked" in (await route_of(app, better))["reason"]


async def test_another_answer_after_a_cut_one_comes_from_one_tier_up(app: Palaver, thread: str) -> None:
    app.sim.script(faults.max_tokens("As far as it goes"), Reply(text="All of it."))
    first = await app.chat(thread, "What is the capital of Australia?")
    again = await app.regenerate(thread, first["message"]["id"])
    await app.follow(again["id"])
    assert models(app) == [STANDARD, COMPLEX]


async def test_a_refusal_before_the_first_word_is_tried_once_one_tier_up(app: Palaver, thread: str) -> None:
    app.sim.script(faults.refusal(before=True), Reply(text="Gladly."))
    accepted = await app.say(thread, "What is the capital of Australia?")
    events, turn = await finished(app, accepted["id"])
    assert turn["status"] == "completed"
    assert models(app) == [STANDARD, COMPLEX]
    assert notes(events, "cascade") == [
        {"from": STANDARD, "to": COMPLEX, "tier": "complex", "reason": "the answer was refused"}
    ]
    assert [note["model"] for note in notes(events, "route")] == [STANDARD, COMPLEX]
    assert [(row.outcome, row.tier) for row in await ledger(app, turn["id"])] == [
        ("refusal", "standard"),
        ("ok", "complex"),
    ]


async def test_a_second_refusal_is_final(app: Palaver, thread: str) -> None:
    app.sim.respond(lambda _: faults.refusal(before=True))
    turn = await app.chat(thread, "thanks a lot!")
    assert turn["error"]["code"] == "content_filtered"
    assert models(app) == [SIMPLE, STANDARD]


@pytest.mark.parametrize(
    ("reply", "fields"),
    [(faults.refusal(after="It is"), {}), (faults.refusal(before=True), {"model": "simple"})],
)
async def test_no_second_try_after_words_were_shown_or_for_a_model_that_was_asked_for(
    app: Palaver, thread: str, reply: Reply, fields: dict[str, Any]
) -> None:
    app.sim.script(reply)
    turn = await app.chat(thread, "thanks a lot!", **fields)
    assert turn["status"] == "failed"
    assert models(app) == [SIMPLE]


async def test_thinking_that_twice_used_up_the_limit_is_tried_one_tier_up(app: Palaver, thread: str) -> None:
    app.sim.script(faults.max_tokens_in_thinking(), faults.max_tokens_in_thinking(), Reply(text="Here."))
    turn = await app.chat(thread, "What is the capital of Australia?")
    assert turn["status"] == "completed"
    assert models(app) == [STANDARD, STANDARD, COMPLEX]


async def test_without_the_cascade_a_refusal_is_final(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, default_tier="auto", cascade=False) as app:
        sim.script(faults.refusal(before=True))
        turn = await app.chat("one", "thanks a lot!")
        assert turn["status"] == "failed"
        assert models(app) == [SIMPLE]


def token(name: str, tier: Tier, rule: Literal["exactly", "at_most"]) -> Token:
    return Token(name=name, sha256=sha256(name.encode()).hexdigest(), tier=tier, tier_rule=rule)


async def test_the_operators_bound_on_a_token_wins_over_every_wish(tmp_path: Path) -> None:
    tokens = (token("only-simple", "simple", "exactly"), token("up-to-standard", "standard", "at_most"))
    async with Simulator() as sim, palaver(tmp_path, sim, default_tier="auto", tokens=tokens) as app:
        for name, text, body in (
            ("only-simple", WORK, None),
            ("only-simple", WORK, "complex"),
            ("up-to-standard", WORK, None),
            ("up-to-standard", WORK, COMPLEX),
            ("up-to-standard", "thanks a lot!", None),
        ):
            app.http.headers["authorization"] = f"Bearer {name}"
            await app.chat(name, text, **({} if body is None else {"model": body}))
        assert models(app) == [SIMPLE, SIMPLE, STANDARD, STANDARD, SIMPLE]


@pytest.mark.parametrize("body", [{}, {"model": "complex"}])
async def test_what_is_too_long_for_all_a_token_may_use_is_refused_at_the_door(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    tokens = (token("small", "simple", "at_most"),)
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, tokens=tokens, model_simple="claude-haiku-4-5") as app,
    ):
        app.http.headers["authorization"] = "Bearer small"
        request_body = {"input": {"text": "自行车" * 40_000}, **body}
        answer = await app.http.post("/api/threads/t/turns", json=request_body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (413, "input"), answer.text
        assert (await app.http.get("/api/threads/t")).status_code == 404


UNSURE = "Compare two boots for hiking"


@pytest.mark.parametrize(
    ("opinion", "model"),
    [
        (Reply(text="complex"), COMPLEX),
        (Reply(text="simple or complex"), None),
        (faults.overloaded(), None),
        (faults.no_response(), None),
    ],
    ids=["named", "undecided", "529", "silent"],
)
async def test_a_second_opinion_is_asked_about_unsure_turns_alone(
    tmp_path: Path, opinion: Reply, model: str | None
) -> None:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, default_tier="auto", routing_classifier=True) as app,
    ):
        sim.script(opinion, Reply(text="Boots."))
        assessment = assess(UNSURE)
        assert assessment.unsure
        turn = await app.chat("one", UNSURE)
        assert turn["status"] == "completed"
        assert models(app) == [SIMPLE, model or app.deps.settings.tiers[assessment.tier]]
        rows = await ledger(app, turn["id"])
        assert [row.purpose for row in rows] == ["classify", "reply"]
        sim.reset()
        await app.chat("two", "thanks a lot!")
        assert models(app) == [SIMPLE], "nobody is asked about what is sure"


async def test_an_answer_that_broke_off_is_gone_on_with_by_nothing_weaker(app: Palaver, thread: str) -> None:
    app.sim.script(faults.max_tokens("As far as it"))
    cut = await app.chat(thread, "thanks a lot!", model="standard")
    posted = await app.http.post(f"/api/threads/{thread}/turns", json={"continue": cut["message"]["id"]})
    await app.follow(posted.json()["id"])
    assert models(app) == [STANDARD, STANDARD]
