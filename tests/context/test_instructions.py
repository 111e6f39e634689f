"""A thread's instructions in its requests: behind the system prompt, before everything else, cached, and told apart when they change."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from context.cache import keepalive
from context.cache.cache_state import CacheState
from context.cache.cache_state_update import after_request
from context.cache.plan_inputs import BranchState, PlanInputs, message_limit
from context.messages import Message
from context.planning.planned import Plan
from context.policy import DEFAULT
from context.request import request
from context.request.blocks import Block, blocks, compare
from context.request.prompts import Instructions
from context.request.recipe import INSTRUCTIONS, Breakpoint, Recipe, is_reserved
from context.request.request import Part
from tests.context.plan_inputs import MID, NOON, count, inputs, planned, summary, talk

POTTERY = "You help customers of a pottery. Prices are in euros."


def told(text: str = POTTERY) -> PlanInputs:
    """The inputs of a thread with these instructions."""
    return replace(inputs(), instructions=replace(Instructions.of(text), tokens=count(text)))


def body_of(plan: Plan) -> bytes:
    return request.build(
        plan.recipe, plan.prompt.text, plan.messages, instructions=plan.instructions, summary=plan.summary
    )


def after(plan: Plan, at: int = NOON - 30_000) -> CacheState:
    """The cache state once a request was answered and billed as planned."""
    return after_request(
        CacheState(model=MID),
        plan.cache_use,
        started_at=at,
        actual_usage=plan.estimated_usage,
        upstream_id=None,
        policy=DEFAULT,
    )


def test_they_stand_behind_the_system_prompt_and_nothing_else_of_the_request_changes() -> None:
    path = talk(4)
    with_them, without = (json.loads(body_of(planned(given, path))) for given in (told(), inputs()))
    system, instructions = with_them.pop("system")
    assert (system["text"], instructions["text"]) == (without.pop("system")[0]["text"], POTTERY)
    assert with_them == without


def test_they_are_counted_and_take_room_from_the_messages() -> None:
    plan = planned(told(), talk(4))
    assert plan.estimate.instructions == count(POTTERY)
    assert plan.estimate.total == planned(inputs(), talk(4)).estimate.total + count(POTTERY)
    assert message_limit(told(POTTERY * 500)) <= message_limit(inputs()) - count(POTTERY * 500)


@pytest.mark.parametrize("summarized", [False, True])
def test_they_are_cached_for_themselves_as_the_summary_behind_them_changes(summarized: bool) -> None:
    path = [replace(message, parent_id=message.parent_id or "before") for message in talk(8)]
    plan = planned(told(), path, summary=summary(300) if summarized else None)
    behind = ["summary", path[-1].id] if summarized else [path[-1].id]
    assert [point.at for point in plan.recipe.breakpoints] == ["system", INSTRUCTIONS, *behind]


def test_the_segments_that_the_next_compactions_keep_are_counted_from_behind_them() -> None:
    path = [replace(message, parent_id=message.parent_id or "before") for message in talk(2)]
    [segment] = summary(400).segments
    levels = enumerate((1, 0, 0, 0))  # the next compaction merges two of the last three
    long = replace(
        summary(0), segments=tuple(replace(segment, id=f"s{n}", level=level) for n, level in levels)
    )
    with_them, without = (
        [point.at for point in planned(given, path, summary=long).recipe.breakpoints]
        for given in (told(), inputs())
    )
    assert with_them == without == ["system", "summary:s0", "summary", "m2"]


def test_the_next_turn_reads_them_from_the_cache() -> None:
    path = talk(8)
    first = planned(told(), path[:-2])
    second = planned(told(), path, cache_state=after(first))
    assert second.cache_use.read == first.cache_use.breakpoints[-1].key
    assert _prefix(second).startswith(_prefix(first)[:-1])


def _prefix(plan: Plan) -> str:
    """The texts of a request in order, which is what the provider's cache goes by."""
    body = json.loads(body_of(plan))
    turns = [{"content": body["system"]}, *body["messages"]]
    return json.dumps([block["text"] for turn in turns for block in turn["content"]])


def test_other_instructions_leave_the_system_prompt_in_the_cache_and_nothing_behind_it() -> None:
    path = talk(8)
    first = planned(told(), path[:-2])
    changed = planned(told("You speak Welsh."), path, cache_state=after(first))
    system = first.cache_use.breakpoints[0]
    assert changed.cache_use.read == system.key
    assert changed.estimated_usage.cache_read == system.tokens
    assert changed.cache_use.breakpoints[0].key == system.key


def test_a_change_is_told_as_the_cause_of_a_cache_miss() -> None:
    first, second = (planned(told(text), talk(4)) for text in ("One.", "Two."))
    (before, _), (now, at) = (_blocks(plan, first.messages) for plan in (first, second))
    named = [replace(block, id="") if block.kind == "instructions" else block for block in now]
    assert [block.kind for block in before][:3] == ["settings", "system", "instructions"]
    sent = [block.digest for block in before]
    assert compare(before, sent, now, at, read_at=2) is None, "another request wrote that entry"
    same = [replace(block, id="") if block.kind == "instructions" else block for block in before]
    compared = compare(same, sent, named, at, read_at=2)
    assert compared is not None
    assert (compared.kind, compared.what) == ("instructions", "the thread's instructions")


def _blocks(plan: Plan, messages: Sequence[Message]) -> tuple[tuple[Block, ...], list[int]]:
    return blocks(plan.recipe, plan.prompt.text, messages, instructions=plan.instructions)


def test_a_recipe_names_them_and_takes_no_others() -> None:
    plan = planned(told(), talk(2))
    assert Recipe.from_json(json.loads(json.dumps(plan.recipe.to_json()))) == plan.recipe
    old = {name: value for name, value in plan.recipe.to_json().items() if name != "instructions_digest"}
    assert Recipe.from_json(old).instructions_digest is None, "recipes from before there were any"
    for others in (None, Instructions.of("Others.")):
        with pytest.raises(ValueError, match="instructions"):
            request.build(plan.recipe, plan.prompt.text, plan.messages, instructions=others)
    assert is_reserved(INSTRUCTIONS), "no message may have such an id"


@pytest.mark.parametrize(("part", "blocks_sent"), [("system", 1), ("instructions", 2)])
def test_a_keep_alive_renews_them_or_only_what_stands_before_them(part: Part, blocks_sent: int) -> None:
    plan = planned(told(), talk(4))
    recipe = replace(
        plan.recipe, breakpoints=(Breakpoint(at="system", ttl="1h"), Breakpoint(at=INSTRUCTIONS, ttl="1h"))
    )
    kept = json.loads(
        request.build_keepalive(
            recipe, plan.prompt.text, plan.messages, instructions=plan.instructions, part=part
        )
    )
    assert len(kept["system"]) == blocks_sent
    assert kept["system"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert "cache_control" not in str(kept["messages"])


def test_a_keep_alive_goes_as_far_as_the_next_request_begins_the_same() -> None:
    path = talk(4)
    state = replace(after(planned(told(), path)), keepalives=0)
    for given, part in ((told(), "window"), (told("You speak Welsh."), "system")):
        branch = BranchState(path=path, cache_state=state, now=state.touched_at + 1_000)
        prefix = keepalive._living_prefix(given, branch)
        assert prefix is not None
        assert prefix.part == part
    moved = [replace(message, id=f"x{message.id}") for message in path]
    prefix = keepalive._living_prefix(
        told(), BranchState(path=moved, cache_state=state, now=state.touched_at + 1_000)
    )
    assert prefix is not None
    assert prefix.part == "instructions"
