"""When a compaction is due: the cached window above its watermark, the uncached one where it saves money, the cap in any case."""

from dataclasses import replace

import pytest

from context.cache.cache_state import CacheState, CacheTtl
from context.cache.plan_inputs import BranchState, PlanInputs, cost_model
from context.compaction.when import after_turn, at_death, is_whole, on_arrival, watermark
from context.messages import Message
from context.policy import DEFAULT
from context.request.summary_blocks import Line, Segment, Summary
from tests.context.plan_inputs import MID, NOON, inputs
from tests.context.threads import sized

POLICY = replace(DEFAULT, floor_messages=4)
INPUTS = replace(inputs(), policy=POLICY)
LIMIT = 20_000  # more than the watermark here, less than the cap of 60,000


def turns(count: int, size: int, *, asked: bool = False) -> list[Message]:
    """So many exchanges of that size; `asked`: and a new message."""
    half = size // 2
    return sized(" ".join([f"u{half} a{half}"] * count + ["u10"] * asked))


def branch(
    path: list[Message], *, ttl: CacheTtl = "5m", idle: int = 0, summary: Summary | None = None
) -> BranchState:
    """`idle`: milliseconds since the last request."""
    cache_state = CacheState(model=MID, window_ttl=ttl, touched_at=NOON - idle, uses=9)
    return BranchState(path=path, summary=summary, cache_state=cache_state, now=NOON)


def held(state: BranchState, floor: int) -> int:
    return sum(message.tokens for message in state.path[floor:])


def limit_of(inputs: PlanInputs, state: BranchState, floor: int) -> int:
    return watermark(inputs, cost_model(inputs, state, floor_tokens=held(state, floor)), state.cache_state)


def test_a_cached_window_is_compacted_above_its_watermark_and_not_below() -> None:
    kinds: dict[bool, set[str | None]] = {}
    for count in range(3, 60):
        state = branch(turns(count, 1_000))
        floor = (
            2 * count - 4
        )  # the newest three messages, and the one before them that makes it begin with a user's
        above = count * 1_000 > limit_of(INPUTS, state, floor)
        made = after_turn(INPUTS, state)
        kinds[above] = kinds.get(above, set()) | {None if made is None else made.kind}
        if made is not None:
            assert (made.first_id, made.last_id) == ("m0", f"m{floor - 1}")
            assert made.leaf_id == f"m{2 * count - 2}"
            assert made.tokens == 1_000 * (count - 2)
    assert kinds == {False: {None}, True: {"warm"}}


def test_the_watermark_is_never_above_the_cap_and_depends_on_the_ttl() -> None:
    state = branch(turns(10, 1_000))
    costs = cost_model(INPUTS, state, floor_tokens=held(state, 16))
    assert watermark(INPUTS, costs, state.cache_state) == int(costs.floor + costs.surplus("5m"))
    hour = replace(state.cache_state, window_ttl="1h")
    assert watermark(INPUTS, costs, hour) == int(costs.floor + costs.surplus("1h"))
    assert watermark(INPUTS, costs, replace(hour, window_ttl="none")) == int(
        costs.floor + costs.surplus("5m")
    )
    low = replace(INPUTS, policy=replace(POLICY, window_cap=3_000))
    assert watermark(low, costs, hour) == low.in_model(3_000)


@pytest.mark.parametrize(
    ("ttl", "idle", "kind"),
    [
        ("5m", 0, None),
        ("5m", 299_999, None),
        ("5m", 300_000, "cold"),
        ("1h", 300_000, None),
        ("none", 0, "cold"),
    ],
)
def test_a_window_whose_cache_has_expired_is_compacted_where_that_saves_money(
    ttl: CacheTtl, idle: int, kind: str | None
) -> None:
    path = turns(6, 1_000)
    made = after_turn(INPUTS, branch(path, ttl=ttl, idle=idle))
    assert (None if made is None else made.kind) == kind
    died = at_death(INPUTS, branch(path, ttl=ttl, idle=idle))
    assert died is not None
    assert died.kind == "cold", "the timer says that it has expired"


def test_what_saves_less_than_the_summarizers_call_is_left() -> None:
    dear = replace(INPUTS, summarizer=replace(INPUTS.summarizer, prices=inputs("claude-opus-5-5").prices))
    assert at_death(INPUTS, branch(turns(6, 1_000))) is not None
    assert at_death(dear, branch(turns(6, 1_000))) is None


def test_a_few_tokens_are_never_worth_a_call() -> None:
    for size, due in ((DEFAULT.compaction_min - 2, False), (20 * DEFAULT.compaction_min, True)):
        path = sized(f"u{size // 2} a{size // 2} u5 a5 u5 a5")
        assert (at_death(INPUTS, branch(path)) is not None) == due
    assert at_death(INPUTS, branch(turns(2, 5_000))) is None, "all of it is the floor"


def test_a_window_above_the_cap_is_overdue_whatever_it_costs() -> None:
    local = replace(INPUTS, model=replace(INPUTS.model, local=True))
    for its in (INPUTS, local):
        made = after_turn(its, branch(turns(70, 1_000)))
        assert made is not None
        assert made.kind == "overdue"
        assert f"above the cap of {POLICY.window_cap}" in made.reason
    assert after_turn(local, branch(turns(50, 1_000), ttl="none")) is None, "nothing is billed"


def test_a_new_turn_compacts_what_was_cut_or_is_cold_and_leaves_what_it_will_cache() -> None:
    path = turns(6, 1_000, asked=True)

    def found(*, warm: bool = False, will_be_cached: bool = False, cut: bool = False) -> str | None:
        made = on_arrival(INPUTS, branch(path), warm=warm, will_be_cached=will_be_cached, cut=cut)
        return None if made is None else made.kind

    assert found() == "cold"
    assert found(warm=True) is None
    assert found(will_be_cached=True) is None, "a small surplus is written with it and compacted later"
    assert found(cut=True) == found(warm=True, cut=True) == "overdue"
    large = turns(40, 1_000, asked=True)
    late = on_arrival(INPUTS, branch(large), warm=False, will_be_cached=True, cut=False)
    assert late is not None
    assert late.kind == "cold"
    assert late.leaf_id == "m80", "the message that has just come"


def test_the_message_that_is_to_come_belongs_to_the_floor() -> None:
    path = turns(12, 1_000)
    due = at_death(INPUTS, branch(path))
    assert due is not None
    assert due.last_id == "m19", "three messages and the user's before them stay"
    longer = replace(INPUTS, policy=replace(POLICY, floor_messages=5))
    assert (at_death(longer, branch(path)) or due).last_id == "m19"
    arrived = on_arrival(
        INPUTS, branch(turns(12, 1_000, asked=True)), warm=False, will_be_cached=False, cut=False
    )
    assert arrived is not None
    assert arrived.last_id == "m19", "four messages and the user's before them stay"


def test_the_reason_names_what_is_saved_in_dollars() -> None:
    made = at_death(INPUTS, branch(turns(12, 1_000)))
    assert made is not None
    price = INPUTS.prices.at(0).cache_write_5m * (10_000 - 1_500)  # picodollars, before the summarizer's call
    saved = float(made.reason.rpartition("$")[2].split()[0])
    assert 0.8 * price < saved * 1e12 < price
    assert "compacting 10000 tokens saves" in made.reason


def test_a_compaction_the_plan_found_is_not_forgotten() -> None:
    path = turns(6, 1_000)
    undone = at_death(INPUTS, branch(path))
    assert undone is not None
    longer = branch(turns(7, 1_000))
    cold = after_turn(INPUTS, longer, undone=undone)
    assert cold is not None
    assert (cold.kind, cold.last_id) == ("cold", "m9"), "that turn has cached nothing of the window"
    warm = replace(undone, kind="warm")
    assert after_turn(INPUTS, longer, undone=warm) == warm, "nothing new is due, and the old one still is"


def test_a_path_that_does_not_begin_behind_the_summary_is_not_compacted() -> None:
    segment = Segment(id="s", first_id="z", last_id="z", lines=(Line(text="x", sources=("z",)),), tokens=9)
    behind = Summary(id="l", upto_id="z", segments=(segment,))
    path = turns(6, 1_000)
    assert is_whole(path, None)
    assert not is_whole(path, behind)
    assert not is_whole(path[2:], None)
    assert at_death(INPUTS, branch(path, summary=behind)) is None
    after = [replace(path[0], parent_id="z"), *path[1:]]
    made = at_death(INPUTS, branch(after, summary=behind))
    assert made is not None
    assert made.after_id == "z"
