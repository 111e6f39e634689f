"""The plan: what it decides, that it keeps every limit, and that requests extend each other."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.cache.cache_state import CacheState
from context.cache.plan_inputs import BranchState, PlanInputs, SummarizerModel, message_limit
from context.messages import Message
from context.models.catalog import KNOWN, Model
from context.models.pricing import price_table
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request import request
from context.request.prompts import ASSISTANT
from context.request.recipe import Breakpoint, Recipe
from context.request.window import MessageTooLarge
from context.routing.choice import Route
from tests.context.threads import message, thread

NOW = 1_795_000_000_000
SONNET = KNOWN["claude-sonnet-5-5"]
LOCAL = Model(id="smol", label="Smol", context_window=8_192, max_output=1_024, min_cacheable=0, local=True)


def plan_inputs(model: Model, prompt_tokens: int, max_output: int, policy: Policy = DEFAULT) -> PlanInputs:
    prices = price_table("claude-sonnet-5-5", now=NOW)
    assert prices is not None
    return PlanInputs(
        model=model,
        prompt=ASSISTANT,
        prompt_tokens=prompt_tokens,
        max_output=max_output,
        prices=prices,
        summarizer=SummarizerModel(model="claude-sonnet-5-5", prices=prices),
        policy=policy,
    )


def planned(
    path: list[Message],
    *,
    model: Model = SONNET,
    previous_start: str | None = None,
    max_output: int = 16_000,
    prompt_tokens: int = 100,
    policy: Policy = DEFAULT,
) -> Plan:
    return plan(
        plan_inputs(model, prompt_tokens, max_output, policy),
        TurnInputs(
            route=Route(model_id=model.id, tier="standard", reason="standard is the default tier"),
            branch=BranchState(path=path, cache_state=CacheState(model=model.id), now=NOW),
            previous_start=previous_start,
            user_ref="somebody",
        ),
    )


def test_a_plan_names_everything_that_rebuilds_the_request() -> None:
    turn_plan = planned(thread("u: hi", "a: hello", "u: how are you"))
    assert turn_plan.recipe == Recipe(
        layout=2,
        model="claude-sonnet-5-5",
        max_tokens=16_000,
        thinking="adaptive",
        prompt_digest=ASSISTANT.digest,
        first_message_id="m0",
        last_message_id="m2",
        breakpoints=(Breakpoint(at="m2", ttl="5m"),),
        user_ref="somebody",
    )
    assert turn_plan.estimate.total == 100 + 5


def test_a_plan_says_why_it_is_as_it_is() -> None:
    assert planned(thread("u: hi", "a: hello", "u: how are you")).reasons == {
        "route": "standard is the default tier",
        "window": "the whole branch fits",
        "summary": "no summary yet",
        "cache": "no idle gaps are known here yet, and a first prefix is small: cache TTL 5 minutes",
        "system": "cache TTL of system prompt and summary: 5 minutes",
        "breakpoints": "1 cache breakpoint: what stays the same is read from the cache, and the new text is added to it",
        "compaction": "nothing to compact",
    }


def test_a_recipe_survives_storage() -> None:
    recipe = planned(thread("u: hi")).recipe
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_local_model_gets_no_marks_and_no_user() -> None:
    turn_plan = planned(thread("u: hi"), model=LOCAL, max_output=16_000)
    assert turn_plan.recipe.breakpoints == ()
    assert turn_plan.recipe.user_ref is None
    assert turn_plan.recipe.max_tokens == 1_024
    assert turn_plan.reasons["breakpoints"] == "this endpoint has no prompt cache"


def test_a_message_that_cannot_fit_is_refused() -> None:
    limit = message_limit(plan_inputs(LOCAL, 100, 1_024))
    planned([message(0, "user", tokens=limit)], model=LOCAL)
    with pytest.raises(MessageTooLarge):
        planned([message(0, "user", tokens=limit + 1)], model=LOCAL)


models = st.builds(
    Model,
    id=st.just("some-model"),
    label=st.just("Some model"),
    context_window=st.integers(8_000, 1_000_000),
    max_output=st.integers(500, 128_000),
    min_cacheable=st.sampled_from([0, 512]),
    thinking=st.sampled_from(["none", "adaptive"]),
    token_ratio=st.sampled_from([0.75, 1.0, 1.3]),
)


@given(
    model=models, prompt=st.integers(0, 4_000), max_output=st.integers(64, 128_000), share=st.floats(0.0, 1.0)
)
def test_no_plan_exceeds_the_model_even_if_estimates_are_off_by_the_safety(
    model: Model, prompt: int, max_output: int, share: float
) -> None:
    limit = message_limit(plan_inputs(model, prompt, max_output))
    if limit < 1:
        return
    path = [message(0, "user", tokens=max(1, int(limit * share)))]
    turn_plan = planned(path, model=model, prompt_tokens=prompt, max_output=max_output)
    worst = turn_plan.estimate.total * DEFAULT.safety
    assert turn_plan.bound >= worst
    assert worst + turn_plan.recipe.max_tokens <= model.context_window
    assert turn_plan.recipe.max_tokens <= model.max_output


words = st.text(alphabet='abc ü日\n"\\', min_size=1, max_size=12).filter(str.strip)
lines = st.lists(
    st.tuples(words, words, st.sampled_from(["", " cancelled", " failed", " interrupted", " refused"])),
    min_size=1,
    max_size=25,
)


def blocks(body: bytes) -> list[tuple[str, str]]:
    """A request as the prompt cache sees it: blocks in order, without marks."""
    value = json.loads(body)
    system = [("system", block["text"]) for block in value["system"]]
    return system + [(turn["role"], block["text"]) for turn in value["messages"] for block in turn["content"]]


@given(exchanges=lines, cap=st.integers(5, 60))
@settings(max_examples=60, deadline=None)
def test_each_request_extends_the_one_before_unless_the_window_moved_and_says_so(
    exchanges: list[tuple[str, str, str]], cap: int
) -> None:
    policy = Policy(window_cap=cap)
    texts: list[str] = []
    start: str | None = None
    before: list[tuple[str, str]] = []
    for question, answer, how in exchanges:
        texts.append(f"u: {question}")
        path = thread(*texts)
        turn_plan = planned(path, previous_start=start, policy=policy)
        body = request.build(turn_plan.recipe, ASSISTANT.text, turn_plan.messages)
        value = json.loads(body)
        now = blocks(body)
        if turn_plan.reasons["window"].startswith("cut:"):
            assert turn_plan.recipe.first_message_id != start
        else:
            assert now[: len(before)] == before
        assert body.count(b'"cache_control"') <= 4
        assert value["messages"][0]["role"] == "user"
        assert value["messages"][-1]["role"] == "user"
        assert now[-1] == ("user", path[-1].text)
        roles = [turn["role"] for turn in value["messages"]]
        assert all(role != other for role, other in itertools.pairwise(roles)), "roles take turns"
        assert request.build(turn_plan.recipe, ASSISTANT.text, turn_plan.messages) == body
        again = Recipe.from_json(json.loads(json.dumps(turn_plan.recipe.to_json())))
        assert request.build(again, ASSISTANT.text, turn_plan.messages) == body
        start, before = turn_plan.recipe.first_message_id, now
        texts.append(f"a{how}: {answer}")
