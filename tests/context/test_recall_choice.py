"""What recall buys with its budget: the most valuable first, by value per token."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from context.recall.choose import HEADER, choose, worth_reading
from context.recall.policy import DEFAULT, RecallPolicy
from context.recall.purchase import Terms
from context.recall.render import INSTRUCTION, OPENING
from context.recall.thread import Outline, Source, typical

PLAIN = replace(DEFAULT, attention=0, least=0.0)
DAY = 86_400_000


def count(text: str) -> int:
    return len(text.split())


def bought(
    sizes: Sequence[int],
    values: Mapping[int, float],
    room: int,
    *,
    instructions: Sequence[int] = (),
    policy: RecallPolicy = PLAIN,
) -> set[int]:
    """The positions of the messages that are bought. `room`: tokens beside the opening line, where no instruction is."""
    sources = {
        position: Source(id=str(position), role="user", at=position * DAY, text="word " * size)
        for position, size in enumerate(sizes)
    }
    blocks = choose(
        instructions=instructions,
        others=[position for position in sorted(values) if position not in instructions],
        values=values,
        sources=sources,
        weights={},
        terms=Terms(cap=room + count(OPENING)),
        count=count,
        policy=policy,
    )
    return {int(block.id) for block in blocks if block.id.isdigit()}


def price_of(size: int) -> int:
    """A message with its date and speaker: the whole budget buys one of that size."""
    return next(room for room in range(size, size + 20) if bought([size], {0: 1.0}, room))


def test_of_equal_messages_the_most_valuable_is_bought() -> None:
    for best in range(3):
        values = {position: 2.0 if position == best else 1.0 for position in range(3)}
        assert bought([20, 20, 20], values, price_of(20)) == {best}


def test_the_value_of_a_token_decides_and_not_that_of_a_message() -> None:
    assert bought([40, 20, 20], {0: 3.0, 1: 2.0, 2: 2.0}, 2 * price_of(20)) == {1, 2}
    assert bought([40, 20, 20], {0: 9.0, 1: 2.0, 2: 2.0}, price_of(40)) == {0}


@given(
    st.lists(st.tuples(st.integers(1, 400), st.floats(0.01, 9)), min_size=1, max_size=40),
    st.integers(0, 600),
    st.floats(0, 50_000),
    st.integers(0, 20),
)
def test_nobody_pays_more_than_what_is_needed_is_worth(
    messages: list[tuple[int, float]], cap: int, worth: float, rules: int
) -> None:
    sources = {
        position: Source(id=str(position), role="user", at=0, text="word. " * size)
        for position, (size, _) in enumerate(messages)
    }
    values = {position: score for position, (_, score) in enumerate(messages)}
    blocks = choose(
        instructions=list(values)[:rules],
        others=sorted(values, key=values.__getitem__, reverse=True),
        values=values,
        sources=sources,
        weights={"word": 1.0},
        terms=Terms(cap=cap, worth=worth),
        count=count,
        policy=DEFAULT,
    )
    assert sum(block.tokens for block in blocks) <= min(cap, worth)
    assert len({block.id for block in blocks}) == len(blocks)


def test_attention_makes_short_messages_dearer() -> None:
    sizes, values, room = [2, 60], {0: 1.0, 1: 5.0}, price_of(60)
    assert bought(sizes, values, room) == {0}
    assert bought(sizes, values, room, policy=replace(PLAIN, attention=100)) == {1}


def test_of_equally_valuable_messages_the_newest_is_bought() -> None:
    assert bought([20, 20, 20], {0: 1.0, 1: 1.0, 2: 1.0}, price_of(20)) == {2}


def test_what_does_not_fit_is_passed_over_for_what_does() -> None:
    assert bought([400, 20], {0: 99.0, 1: 0.1}, price_of(20), policy=replace(PLAIN, excerpts=0)) == {1}


def excerpts(sizes: Sequence[int], policy: RecallPolicy = PLAIN) -> set[int]:
    """The positions of the messages that are bought as an excerpt, with too little room for any of them whole. `sizes`: with date and speaker."""
    sources = {
        position: Source(id=str(position), role="user", at=position * DAY, text="word.\n" * (size - 2))
        for position, size in enumerate(sizes)
    }
    blocks = choose(
        instructions=(),
        others=list(sources),
        values=dict.fromkeys(sources, 1.0),
        sources=sources,
        weights={"word": 1.0},
        terms=Terms(cap=count(OPENING) + policy.excerpt_over - 10),
        count=count,
        policy=policy,
    )
    return {int(block.id) for block in blocks if block.ranges}


def test_only_a_message_longer_than_the_limit_is_offered_as_an_excerpt() -> None:
    assert excerpts([PLAIN.excerpt_over]) == set()
    assert excerpts([PLAIN.excerpt_over + 1]) == {0}


def test_no_more_long_messages_are_read_for_an_excerpt_than_the_policy_allows() -> None:
    policy = replace(PLAIN, excerpts=2, excerpt_size=20)
    assert excerpts([400] * 5, policy) == {0, 1}


def test_instructions_are_paid_from_their_share_and_the_rest_is_left_to_the_others() -> None:
    share = replace(PLAIN, instruction_share=0.5)
    sizes = [10, 10, 10, 10]
    one = price_of(10)
    heading = count(INSTRUCTION)
    room = 2 * (heading + one)  # half of it holds the heading and one instruction
    chosen = bought(sizes, {2: 1.0, 3: 1.0}, room - count(OPENING), instructions=[0, 1], policy=share)
    assert 0 in chosen
    assert 1 not in chosen, "a second one would take more than the share"
    none = replace(PLAIN, instruction_share=0.0)
    assert not {0, 1} & bought(sizes, {2: 1.0, 3: 1.0}, room, instructions=[0, 1], policy=none)


def reading(
    sizes: Sequence[int],
    values: Mapping[int, float],
    budget: int,
    instructions: Sequence[int] = (),
    worth: float = inf,
) -> tuple[list[int], list[int]]:
    roles = ["user"] * len(sizes)
    outline = Outline(
        roles=roles,  # type: ignore[arg-type]  # a list of one literal
        tokens=sizes,
        at=[0] * len(sizes),
        typical=typical(roles, sizes),  # type: ignore[arg-type]
        instructions=instructions,
    )
    return worth_reading(values, outline, Terms(cap=budget, worth=worth), PLAIN)


def test_the_best_are_read_first_and_half_as_much_again_as_the_budget() -> None:
    sizes = [16] * 30
    values = {position: float(position % 7 + 1) for position in range(30)}
    _, others = reading(sizes, values, 100)
    assert len(others) == -(-150 // (16 + HEADER))
    assert [values[position] for position in others] == sorted(values.values(), reverse=True)[: len(others)]


def test_an_instruction_that_has_to_do_with_the_question_is_worth_more() -> None:
    assert reading([10] * 3, {1: 4.0}, 1_000, instructions=[0, 1, 2], worth=500)[0] == [1]
    assert reading([10] * 3, {1: 4.0}, 1_000, instructions=[0, 1, 2], worth=5_000)[0] == [1, 2, 0]


def test_of_instructions_half_as_much_again_as_their_share_is_read() -> None:
    rules, _ = reading([10] * 60, {}, 1_000, instructions=range(60))
    assert len(rules) == -(-1_000 * PLAIN.instruction_share * 1.5 // (10 + HEADER))


def test_of_instructions_the_most_valuable_are_read_first_then_the_newest() -> None:
    rules, _ = reading([10] * 6, {1: 1.0, 3: 5.0}, 1_000, instructions=[0, 1, 3, 5])
    assert rules == [3, 1, 5, 0]
    longest = PLAIN.instruction_longest
    assert reading([longest, longest + 1], {}, 10_000, instructions=[0, 1])[0] == [0]
