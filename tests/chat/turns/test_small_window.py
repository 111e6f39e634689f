"""A model whose window is too small for the usual answer is passed over, and is asked for a shorter one before nobody answers."""

from pathlib import Path
from typing import Any

from tests.chat.outcomes import answer_text, finished, ledger, notes
from tests.clocks import QuickClock
from tests.palaver import palaver
from tests.upstream import Reply, Simulator, faults

LARGE, SMALL, TOP = (
    "claude-sonnet-5-5",
    "claude-haiku-4-5",
    "claude-opus-4-5",
)  # a million tokens, and twice 200,000
LONG = "自行车" * 18_000  # with 64,000 tokens of answer it fits the large one only
SETTINGS: dict[str, Any] = {
    "model_simple": SMALL,
    "model_standard": LARGE,
    "model_complex": TOP,
    "max_output_tokens": 64_000,
}


def only(model: str) -> Any:
    """A provider of whose models only one is well."""
    return lambda request: Reply(text="Yes.") if request["model"] == model else faults.overloaded()


async def test_when_only_small_models_are_left_the_best_gives_a_shorter_answer(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, clock=QuickClock(), **SETTINGS) as app:
        sim.respond(only(TOP))
        accepted = await app.say("t", LONG)
        events, turn = await finished(app, accepted["id"])
        assert (turn["status"], turn["message"]["model"]) == ("completed", TOP)
        assert [(note["from"], note["to"]) for note in notes(events, "fallback")] == [(LARGE, TOP)]
        assert notes(events, "fallback")[0]["reason"] == (
            f"{LARGE} is overloaded; {TOP} has room for a shorter answer only"
        )
        request = sim.requests[-1]
        assert 2_048 <= request["max_tokens"] < 64_000
        assert LONG in str(request["messages"][-1]), "nobody's words are cut"
        plan = (await app.get(f"/api/turns/{turn['id']}/context"))["plan"]
        small = [
            candidate["why"]
            for candidate in plan["route"]["candidates"]
            if candidate["model"] in (SMALL, TOP)
        ]
        assert all(why.startswith("takes at most") for why in small)


async def test_small_models_that_fail_too_are_asked_one_after_another(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, clock=QuickClock(), **SETTINGS) as app:
        sim.respond(only(SMALL))
        turn = await app.chat("t", LONG)
        assert (turn["status"], turn["message"]["model"]) == ("completed", SMALL)
        assert list(dict.fromkeys(row.requested_model for row in await ledger(app, turn["id"]))) == [
            LARGE,
            TOP,
            SMALL,
        ]
        sim.respond(only("none"))
        turn = await app.chat("t2", LONG)
        assert (turn["status"], turn["error"]["code"]) == ("failed", "upstream_error")
        assert turn["error"]["retryable"]


async def test_what_makes_a_broken_answer_too_large_to_go_on_with_makes_the_rest_shorter(
    tmp_path: Path,
) -> None:
    half = "自行车" * 5_000
    async with (
        Simulator() as sim,
        palaver(
            tmp_path, sim, clock=QuickClock(), **{**SETTINGS, "model_standard": TOP, "model_complex": TOP}
        ) as app,
    ):
        sim.respond(lambda request: faults.reset_after(half))
        turn = await app.chat("t", "自行车" * 12_000, model=TOP)
        assert answer_text(turn["message"]) == half
        sim.respond(lambda request: Reply(text=" and so on"))
        accepted = await app.continue_answer("t", turn["message_id"])
        events, after = await finished(app, accepted["id"])
        assert after["status"] == "completed", after["error"]
        assert answer_text(after["message"]) == half + " and so on"
        assert 2_048 <= sim.requests[-1]["max_tokens"] < 64_000
        assert notes(events, "fallback") == [], "nobody else was asked"
        reason = (await app.get(f"/api/turns/{after['id']}/context"))["plan"]["route"]["reason"]
        assert f"{SMALL} has too small a window for this message; {TOP} has room" in reason


async def test_a_shorter_answer_that_is_refused_is_told_as_refused_and_not_kept(tmp_path: Path) -> None:
    settings = {**SETTINGS, "model_standard": TOP}
    async with Simulator() as sim, palaver(tmp_path, sim, clock=QuickClock(), **settings) as app:
        sim.respond(lambda request: faults.reset_after("自行车" * 5_000))
        turn = await app.chat("t", "自行车" * 12_000, model=TOP)
        refusal = faults.refusal(after="Not these words")
        sim.respond(lambda request: refusal if request["model"] == SMALL else faults.overloaded())
        accepted = await app.continue_answer("t", turn["message_id"], model=SMALL)
        _, after = await finished(app, accepted["id"])
        models = list(dict.fromkeys(row.requested_model for row in await ledger(app, after["id"])))
        assert models == [TOP, SMALL], "both have room for a short answer only"
        assert after["error"]["code"] == "content_filtered"
        assert answer_text(after["message"]) == ""
