"""Properties of plans (context/README.md) over random threads, branches, models, idle gaps, restarts and price tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from context.cache.plan_inputs import room_below
from context.models.pricing import PICO, Usage, price, price_table
from context.policy import DEFAULT
from context.request.recipe import Recalled
from context.request.window import Floor
from tests.context.plan_inputs import CHEAP, MID, NOON, TOP, count, todays
from tests.context.price_lists import TABLES, Tables
from tests.context.story import Asked, Story

SMALL = replace(DEFAULT, summary_budget=300, compaction_min=20, window_cap=4_000)
LEAST = Floor(
    messages=SMALL.floor_messages,
    exchanges=SMALL.floor_exchanges,
    tokens=0,
    room=SMALL.window_cap * SMALL.floor_share,
)  # what is verbatim whatever it costs
PAUSES = st.sampled_from([3, 40, 290, 400, 1_500, 3_700, 20_000, 90_000])
STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from([CHEAP, MID, MID, TOP]), st.integers(1, 120)),
    st.tuples(st.just("say"), st.just(MID), st.integers(1, 120)),
    st.tuples(st.just("wait"), PAUSES, st.just(0)),
    st.tuples(st.just("rest"), PAUSES, st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("branch"), st.integers(1, 12), st.just(0)),
    st.tuples(st.just("recall"), st.just(MID), st.integers(1, 60)),
    st.tuples(st.just("interrupted"), st.just(MID), st.integers(1, 60)),
)
TTL_MS = st.lists(STEPS, min_size=5, max_size=70)
Step = tuple[str, str | int, int]


def live(steps: list[Step], tables: Tables = todays, *, recalls: bool = True) -> Story:
    story = Story(policy=SMALL, tables=tables)
    for number, (what, which, size) in enumerate(steps):
        text = f"{number}: " + "where is my parcel " * size
        match what:
            case "say":
                story.say(text, model=str(which), answer="It is on its way. " * (size // 2 + 1))
                story.now += 5_000
            case "recall":
                blocks = (
                    (Recalled(id="m0", text=f"Earlier: {text}", tokens=count(text) + 4),) if recalls else ()
                )
                story.say(text, model=str(which), recalled=blocks)
                story.now += 5_000
            case "interrupted":
                story.say(text, model=str(which), answer="It is", status="interrupted")
                story.now += 5_000
            case "wait":
                story.wait(int(which))
            case "rest":
                story.rest(int(which))
            case "restart":
                story.restart()
            case "branch" if story.leaf is not None:
                answers = [message.id for message in story.messages.values() if message.role == "assistant"]
                story.branch_at(answers[max(0, len(answers) - int(which))])
    return story


def ttls(check: Callable[[Story], None]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(TTL_MS, TABLES)
    def run(steps: list[Step], tables: Tables) -> None:
        check(live(steps, tables))

    run()


def test_between_folds_each_request_is_a_prefix_of_the_next_up_to_its_last_mark() -> None:
    def check(story: Story) -> None:
        last: dict[str, Asked] = {}
        for request in story.asked:
            before = last.get(request.planned.recipe.model)
            last[request.planned.recipe.model] = request
            if before is None or before.planned.recipe.summary_id != request.planned.recipe.summary_id:
                continue
            if before.planned.recipe.first_message_id != request.planned.recipe.first_message_id:
                continue
            if before.planned.recipe.last_message_id not in {
                message.id for message in request.planned.messages
            }:
                continue  # another branch
            end = before.last_mark + 1
            assert request.blocks[:end] == before.blocks[:end]

    ttls(check)


def test_reads_and_writes_are_billed_as_the_plan_foresaw() -> None:
    def check(story: Story) -> None:
        for request in story.asked:
            forecast, actual_usage = request.planned.estimated_usage, request.actual_usage
            slack = 30 + 0.03 * actual_usage.prompt
            assert abs(forecast.cache_read - actual_usage.cache_read) <= slack, request.planned.reasons
            assert abs(forecast.prompt - actual_usage.prompt) <= slack

    ttls(check)


def test_the_marks_are_at_most_four_and_longer_lives_stand_first() -> None:
    # `Story.bill` runs the simulator's own rules over every body, which refuse anything else.
    ttls(lambda story: None)


def cap(story: Story, request: Asked) -> float:
    """The most tokens the window may have: fewer than the policy allows where a price step comes before."""
    plan_inputs = story.inputs(request.planned.recipe.model)
    step = plan_inputs.prices.dearer_above()
    if step is None:
        return SMALL.window_cap
    summary = 0 if request.planned.summary is None else request.planned.summary.tokens
    beside = summary + sum(block.tokens for block in request.planned.recalled)
    return min(SMALL.window_cap, room_below(plan_inputs, step) - beside)


def test_the_floor_is_in_every_request_and_the_window_keeps_its_cap() -> None:
    def check(story: Story) -> None:
        for request in story.asked:
            path: list[str] = []
            at: str | None = request.planned.recipe.last_message_id
            while at is not None:
                path.append(at)
                at = story.messages[at].parent_id
            sent = [message.id for message in request.planned.messages]
            size = sum(message.tokens for message in request.planned.messages)
            branch = [story.messages[id] for id in path[::-1]]
            newest = [message.id for message in branch[LEAST.index(branch) :]]
            floor = sum(story.messages[id].tokens for id in newest)
            assert size <= SMALL.window_cap
            if floor <= cap(story, request) * SMALL.floor_share:
                assert set(newest) <= set(sent)
            assert request.planned.messages[0].role == "user"

    ttls(check)


def test_the_predicted_kinds_add_up_to_the_whole_prompt() -> None:
    def check(story: Story) -> None:
        for request in story.asked:
            used = request.planned.estimated_usage
            assert min(used.input, used.cache_read, used.cache_write_5m, used.cache_write_1h) >= 0
            assert used.prompt == request.planned.estimate.total

    ttls(check)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2"]),
    st.lists(st.tuples(*[st.integers(0, 120_000)] * 5), min_size=1, max_size=8),
)
def test_a_ledger_in_picodollars_is_the_price_tables_sum_to_the_last_digit(
    model: str, calls: list[tuple[int, int, int, int, int]]
) -> None:
    table = price_table(model, now=NOON)
    assert table is not None
    used = [
        Usage(input=a, cache_read=b, cache_write_5m=c, cache_write_1h=d, output=e) for a, b, c, d, e in calls
    ]
    total = sum(table.cost(call) for call in used)
    prices = [price(model, usage) for usage in used]
    assert all(cost is not None for cost in prices)
    assert sum(cost for cost in prices if cost is not None) * PICO == total


@settings(max_examples=25, deadline=None)
@given(TTL_MS, TABLES)
def test_a_recalled_block_never_changes_what_the_next_turn_reads(steps: list[Step], tables: Tables) -> None:
    with_recall, without = live(steps, tables), live(steps, tables, recalls=False)
    for request, other in zip(with_recall.asked, without.asked, strict=True):
        assert request.actual_usage.cache_read == other.actual_usage.cache_read
        assert request.actual_usage.cache_write_5m == other.actual_usage.cache_write_5m
        assert request.actual_usage.cache_write_1h == other.actual_usage.cache_write_1h


@settings(max_examples=25, deadline=None)
@given(TTL_MS, TABLES)
def test_the_same_inputs_make_the_same_bytes(steps: list[Step], tables: Tables) -> None:
    once, again = live(steps, tables), live(steps, tables)
    assert [request.body for request in once.asked] == [request.body for request in again.asked]


@settings(max_examples=60, deadline=None)
@given(st.lists(PAUSES, min_size=1, max_size=12), st.sampled_from(["visible", "open", "gone", None]), TABLES)
def test_keep_alives_end_within_their_limits_and_when_a_thread_is_closed(
    pauses: list[int], presence: str | None, tables: Tables
) -> None:
    story = Story(policy=SMALL, tables=tables)
    for number, pause in enumerate(pauses):
        story.say(f"{number}: where is it?", answer="On its way. " * 20)
        most = max(SMALL.max_keepalives_5m, SMALL.max_keepalives_1h)
        assert story.rest(pause, presence) <= most  # type: ignore[arg-type]
    story.say("thanks")
    assert story.rest(40 * 3_600, "visible") <= max(SMALL.max_keepalives_5m, SMALL.max_keepalives_1h)
    story.say("bye")
    assert story.rest(40 * 3_600, "visible", closed=True) == 0


def test_the_floor_begins_with_a_user_message() -> None:
    story = live([("say", MID, 3)] * 30)
    planned = story.asked[-1].planned
    assert planned.messages[-planned.floor].role == "user"
    assert planned.floor >= SMALL.floor_messages, "terse talk: all that the floor may ever hold"
