"""Which messages go into a request: cases, then properties over whole conversations."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.messages import Message, Status
from context.policy import Policy
from context.request.window import INTERRUPTED, Floor, MessageTooLarge, Window, select, spoken
from tests.context.threads import ids, message, parts, sized, thread

POLICY = Policy(window_cap=100, window_low=0.5)


def floor_under(policy: Policy, *, tokens: float = inf, to_come: int = 0) -> Floor:
    """The floor a policy allows where `tokens` are worth their price."""
    return Floor(
        messages=policy.floor_messages,
        exchanges=policy.floor_exchanges,
        tokens=tokens,
        room=policy.window_cap * policy.floor_share,
        to_come=to_come,
    )


FLOOR = floor_under(POLICY)


def chosen(sizes: str, previous_start: str | None = None, limit: int = 10_000) -> Window:
    return select(
        sized(sizes), after=None, previous_start=previous_start, limit=limit, floor=FLOOR, policy=POLICY
    )


@pytest.mark.parametrize(
    ("sizes", "previous", "limit", "window", "reason"),
    [
        ("u5", None, 1000, "m0", "the whole branch fits"),
        ("u5 a5 u5", None, 1000, "m0 m1 m2", "the whole branch fits"),
        ("u5 a5 u5", "m0", 1000, "m0 m1 m2", "the whole branch fits"),
        ("u5 a5 u5 a5 u5", "m2", 1000, "m0 m1 m2 m3 m4", "the whole branch fits"),
        ("u40 a40 u20", "m0", 1000, "m0 m1 m2", "the whole branch fits"),
        ("u40 a40 u21", "m0", 1000, "m2", "cut: more than 100 tokens have no summary yet"),
        ("u40 a40 u10 a10 u5", "m0", 1000, "m2 m3 m4", "cut: more than 100 tokens have no summary yet"),
        ("u10 a60 u10 a30 u10", "m0", 1000, "m2 m3 m4", "cut: more than 100 tokens have no summary yet"),
        ("u60 a60 u5 a5 u5 a5 u5", "m2", 1000, "m2 m3 m4 m5 m6", "cut earlier, where the turn before began"),
        # A start that leaves out part of the least floor is not kept.
        (
            "u60 a60 u5 a5 u5 a5 u5",
            "m4",
            1000,
            "m2 m3 m4 m5 m6",
            "cut: more than 100 tokens have no summary yet",
        ),
        ("u60 a60 u10", None, 1000, "m2", "cut: more than 100 tokens have no summary yet"),
        ("u20 a20 u20", "m0", 50, "m2", "cut: more than 50 tokens have no summary yet"),
        # Under a lower limit the floor may take its share of that limit.
        ("u60 a10 u20 a5 u20", None, 60, "m2 m3 m4", "cut: more than 60 tokens have no summary yet"),
        ("u60 a10 u20 a6 u20", None, 60, "m4", "cut: more than 60 tokens have no summary yet"),
        # What is left of the floor may fit where all of it does not.
        (
            "u60 a5 u10 a5 u10 a5 u10 a5 u20",
            None,
            70,
            "m4 m5 m6 m7 m8",
            "cut: more than 70 tokens have no summary yet",
        ),
        ("u5 a5 u400", "m0", 1000, "m2", "cut: more than 400 tokens have no summary yet"),
        ("a5 u5 a5 u5", None, 1000, "m1 m2 m3", "the whole branch fits"),
    ],
)
def test_the_window(sizes: str, previous: str | None, limit: int, window: str, reason: str) -> None:
    chosen_window = chosen(sizes, previous, limit)
    assert ids(chosen_window.messages) == window
    assert chosen_window.reason == reason
    assert chosen_window.tokens == sum(entry.tokens for entry in chosen_window.messages)


@pytest.mark.parametrize(
    ("sizes", "previous", "left_out"),
    [
        ("u40 a40 u20", None, (0, 0)),
        ("u40 a40 u21", None, (2, 80)),
        ("u60 a60 u5 a5 u5 a5 u5", "m2", (2, 120)),
        ("a5 u5 a5 u5", None, (0, 0)),  # an answer before the first question is in no window
    ],
)
def test_what_is_left_out_is_counted(sizes: str, previous: str | None, left_out: tuple[int, int]) -> None:
    window = chosen(sizes, previous)
    assert (window.left_out, window.left_out_tokens) == left_out
    assert window.cut == (left_out[0] > 0)


def test_a_branch_whose_beginning_was_not_read_does_not_claim_to_be_whole() -> None:
    path = sized("u5 a5 u5 a5 u5")[2:]
    assert select(path, after=None, previous_start=None, limit=1000, floor=FLOOR, policy=POLICY).cut


def test_a_message_larger_than_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(MessageTooLarge) as refused:
        chosen("u5 a5 u51", "m0", limit=50)
    assert (refused.value.tokens, refused.value.limit) == (51, 50)


@pytest.mark.parametrize(
    ("line", "received"),
    [
        ("a: all of it", "all of it"),
        ("a cancelled: half an", f"half an\n\n{INTERRUPTED}"),
        ("a interrupted: half an", f"half an\n\n{INTERRUPTED}"),
        ("a failed: half an", f"half an\n\n{INTERRUPTED}"),
        ("a cancelled: ", ""),
        ("a refused: withdrawn", ""),
        ("u: a question", "a question"),
    ],
)
def test_what_a_model_hears_of_a_message(line: str, received: str) -> None:
    assert spoken(thread(line)[0]) == received


def test_thinking_is_never_sent_back() -> None:
    thinking = Message(
        id="m",
        parent_id=None,
        role="assistant",
        status="complete",
        parts=parts("reasoning: hm", "text: yes", "reasoning: hm again", "text: and no"),
        depth=0,
        tokens=4,
    )
    assert spoken(thinking) == "yes\n\nand no"


@pytest.mark.parametrize(
    ("sizes", "tokens", "to_come", "begins"),
    [
        ("u5 a5 u5 a5 u5 a5 u5", 1_000, 0, "m0"),
        ("u5 a5 u5 a5 u5 a5 u5 a5 u5", 10, 0, "m4"),  # two exchanges, whatever they hold
        ("u5 a5 u5 a5 u5 a5 u5 a5 u5", 29, 0, "m4"),
        ("u5 a5 u5 a5 u5 a5 u5 a5 u5", 30, 0, "m2"),  # a third within 30 tokens
        ("u5 a5 u5 a5 u5 a5 u5 a5 u900", 30, 0, "m8"),  # the new message takes the room
        ("u5 a5 u5 a5 u5 a5 u5 a5 u9", 30, 0, "m2"),  # but none of the tokens
        ("u5 a5 u5 a5 u5 a5 u5 a5", 10, 1, "m4"),  # before the message that is to come: the same two
        ("u5 a5 u5 a5 u5 a5 u5 a5", 30, 1, "m2"),
        ("u5 a5 u5 a70 u5 a5", 10, 1, "m4"),  # 75 are the room
        ("u5 a5 u5 a90", 10, 1, "m2"),  # the newest exchange is always in it
        ("u5 u5 u5 a5 u5 u5 a5 u5", 0, 0, "m0"),  # two answers with what was asked before them
        ("a5 a5 u5 a5", 0, 1, "m2"),
        ("a5 a5", 0, 1, "m0"),
        (
            " ".join(["u1 a1"] * 30 + ["u1"]),
            inf,
            0,
            "m40",
        ),  # twenty messages, and the one that makes it begin with a user's
        (" ".join(["u1 a1"] * 30), inf, 1, "m40"),
    ],
)
def test_where_the_floor_begins(sizes: str, tokens: float, to_come: int, begins: str) -> None:
    path = sized(sizes)
    assert path[floor_under(POLICY, tokens=tokens, to_come=to_come).index(path)].id == begins


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 90)), min_size=1, max_size=40),
    st.floats(0, 2_000),
    st.floats(0, 2_000),
)
def test_a_floor_with_more_tokens_never_begins_later(
    turns: list[tuple[int, int]], tokens: float, other: float
) -> None:
    path: list[Message] = []
    for question_tokens, answered in turns:
        path.append(message(len(path), "user", tokens=question_tokens))
        path.append(message(len(path), "assistant", tokens=answered))
    fewer, more = (floor_under(POLICY, tokens=limit, to_come=1) for limit in sorted((tokens, other)))
    assert more.index(path) <= fewer.index(path) <= fewer.least.index(path)
    held = path[fewer.index(path) :]
    assert held[0].role == "user"
    assert len(held) <= POLICY.floor_messages + 1
    answers = sum(entry.role == "assistant" for entry in held)
    assert answers >= min(len(turns), POLICY.floor_exchanges) or sum(
        entry.tokens for entry in path[-2 * (answers + 1) :]
    ) > (POLICY.window_cap * POLICY.floor_share)


sizes_of_turns = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 90)), min_size=1, max_size=40)
policies = st.builds(Policy, window_cap=st.integers(10, 400), window_low=st.floats(0.0, 1.0, allow_nan=False))


@settings(deadline=None)
@given(turns=sizes_of_turns, policy=policies, limit=st.integers(60, 2_000))
def test_every_window_of_a_growing_conversation(
    turns: list[tuple[int, int]], policy: Policy, limit: int
) -> None:
    path: list[Message] = []
    start: str | None = None
    before: tuple[Message, ...] = ()
    for question_tokens, answered in turns:
        path.append(message(len(path), "user", tokens=question_tokens))
        window = select(
            path, after=None, previous_start=start, limit=limit, floor=floor_under(policy), policy=policy
        )
        assert window.tokens == sum(entry.tokens for entry in window.messages) <= limit
        assert window.tokens <= max(policy.window_cap, question_tokens)
        assert window.messages[0].role == "user"
        assert window.messages[-1] == path[-1]
        assert list(window.messages) == path[-len(window.messages) :], "order kept, nothing left out inside"
        if window.reason.startswith("cut:"):
            cap = min(limit, max(policy.window_cap, question_tokens))
            assert window.tokens <= max(policy.window_low * cap, policy.floor_share * cap, question_tokens)
        else:
            assert window.messages[: len(before)] == before, "a prefix that was paid for is kept"
        start, before = window.messages[0].id, window.messages
        status: Status = "complete" if answered % 7 else "cancelled"
        path.append(message(len(path), "assistant", tokens=answered, status=status))


@settings(deadline=None)
@given(turns=sizes_of_turns, policy=policies)
def test_what_lies_before_the_cap_does_not_matter(turns: list[tuple[int, int]], policy: Policy) -> None:
    """The store reads only up to the message that exceeds the cap; the window must come out as from the whole branch."""
    path: list[Message] = []
    start: str | None = None
    for question_tokens, answered in turns:
        path.append(message(len(path), "user", tokens=question_tokens))
        read: list[Message] = []
        for entry in reversed(path):
            read.insert(0, entry)
            if sum(each.tokens for each in read) > policy.window_cap:
                break
        whole = select(
            path, after=None, previous_start=start, limit=10_000, floor=floor_under(policy), policy=policy
        )
        short = select(
            read, after=None, previous_start=start, limit=10_000, floor=floor_under(policy), policy=policy
        )
        assert short.messages == whole.messages
        assert short.reason == whole.reason
        start = whole.messages[0].id
        path.append(message(len(path), "assistant", tokens=answered))
