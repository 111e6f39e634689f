"""Budgets and failures in one turn: what was made cheaper fails, is refused or is cut, and the turn goes on from what was really asked."""

from pathlib import Path
from typing import Any

from tests.chat.budgets.spending import budget
from tests.chat.outcomes import finished, notes
from tests.clocks import QuickClock
from tests.palaver import palaver
from tests.upstream import Reply, Simulator, faults

HAIKU, SONNET, OPUS = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"
ALWAYS = 0.001  # a share of the limit that is reached before anything is spent


def failing(model: str, fault: Reply) -> Any:
    """A provider at which one model fails and all others answer."""
    return lambda request: fault if request["model"] == model else Reply(thinking="")


def requested_models(sim: Simulator) -> list[str]:
    return [request["model"] for request in sim.requests]


async def test_when_the_cheaper_model_fails_the_one_that_was_wanted_answers(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.respond(failing(SONNET, faults.overloaded()))
    async with palaver(tmp_path, sim, budgets=[budget(9, degrade_at=ALWAYS)], clock=QuickClock()) as app:
        events, turn = await finished(app, (await app.say("t", "Prove it.", model="complex"))["id"])
        assert turn["status"] == "completed"
        assert requested_models(sim) == [SONNET, SONNET, OPUS]
        (note,) = notes(events, "fallback")
        assert (note["from"], note["to"]) == (SONNET, OPUS)
        assert note["reason"] == f"{SONNET} is overloaded"
        plan = (await app.get(f"/api/turns/{turn['id']}/context"))["plan"]
        assert plan["tried"] == {SONNET: "overloaded"}


async def test_a_model_that_failed_is_not_what_a_budget_falls_back_on(sim: Simulator, tmp_path: Path) -> None:
    sim.respond(failing(SONNET, faults.overloaded()))
    async with palaver(tmp_path, sim, budgets=[budget("0.03", degrade_at=1.0)], clock=QuickClock()) as app:
        _, turn = await finished(app, (await app.say("t", "Prove it.", model="complex"))["id"])
        assert turn["status"] == "completed"
        assert requested_models(sim) == [SONNET, SONNET, HAIKU]


async def test_what_a_budget_made_cheaper_is_not_made_dearer_by_a_refusal(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.respond(lambda _: faults.refusal(before=True))
    budgets = [budget(9, degrade_at=ALWAYS)]
    rules = [{"name": "proofs", "tier": "standard", "pattern": "Prove"}]
    async with palaver(
        tmp_path, sim, budgets=budgets, default_tier="auto", routing_rules=rules, clock=QuickClock()
    ) as app:
        events, turn = await finished(app, (await app.say("t", "Prove it."))["id"])
        assert turn["error"]["code"] == "content_filtered"
        assert len(requested_models(sim)) == 1
        assert notes(events, "cascade") == []


async def test_what_a_refused_answer_set_aside_is_there_for_the_better_one(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.script(faults.refusal(before=True))
    budgets = [budget("0.40", degrade_at=1.0)]  # room for Opus's worst case, not for Sonnet's beside it
    rules = [{"name": "proofs", "tier": "standard", "pattern": "Prove"}]
    async with palaver(tmp_path, sim, budgets=budgets, default_tier="auto", routing_rules=rules) as app:
        events, turn = await finished(app, (await app.say("t", "Prove it."))["id"])
        assert turn["status"] == "completed"
        assert requested_models(sim) == [SONNET, OPUS]
        assert sim.requests[-1]["max_tokens"] == 16_000
        assert notes(events, "budget") == []


async def test_a_thought_too_long_never_asks_for_more_than_the_cheaper_model_gives(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.respond(lambda _: Reply(text="", thinking="", stop_reason="max_tokens"))
    models: dict[str, Any] = {"model_standard": "claude-haiku-4-5", "max_output_tokens": 64_000}
    nothing_left = budget("0.001", scope="model", name=OPUS)
    async with palaver(tmp_path, sim, budgets=[nothing_left], **models) as app:
        turn = await app.chat("t", "Prove it.", model="complex")
        assert "whole output limit" in turn["error"]["message"]
        assert [(request["model"], request["max_tokens"]) for request in sim.requests] == [
            ("claude-haiku-4-5", 64_000)
        ]
