"""When a call is repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.upstream.failures import OVERLOADED, REFUSED, FailureDetails
from chat.upstream.retry import ALONE, LARGEST_BOUND, WITH_OTHERS, RetryPolicy, delay

ASKED_TO_WAIT = FailureDetails(code="rate_limited", message="m", outcome="o", repeat=True, retry_after=5.0)
TOO_LONG = FailureDetails(
    code="rate_limited", message="m", outcome="o", repeat=True, retry_after=ALONE.longest_wait + 1
)
NOT_AT_ALL = FailureDetails(code="rate_limited", message="m", outcome="o", repeat=True, retry_after=0.0)


@pytest.mark.parametrize(
    ("trouble", "attempt", "shown", "chance", "wait"),
    [
        (OVERLOADED, 1, False, 0.0, 0.0),
        (OVERLOADED, 1, False, 0.5, 0.25),
        (OVERLOADED, 2, False, 0.5, 0.5),
        (OVERLOADED, 3, False, 0.5, 1.0),
        (OVERLOADED, ALONE.attempts, False, 0.5, None),
        (OVERLOADED, 1, True, 0.5, None),
        (REFUSED, 1, False, 0.5, None),
        (ASKED_TO_WAIT, 1, False, 0.5, 5.25),
        (ASKED_TO_WAIT, 1, True, 0.5, None),
        (TOO_LONG, 1, False, 0.5, None),
        (NOT_AT_ALL, 2, False, 0.5, 0.5),
    ],
)
def test_the_wait(
    trouble: FailureDetails, attempt: int, shown: bool, chance: float, wait: float | None
) -> None:
    assert delay(trouble, attempt=attempt, text_shown=shown, chance=chance) == wait


@given(
    attempt=st.integers(1, 50),
    chance=st.floats(0, 1, exclude_max=True),
    retry_after=st.none() | st.floats(0, 1e6),
    shown=st.booleans(),
    policy=st.sampled_from([ALONE, WITH_OTHERS]),
)
def test_no_wait_is_longer_than_a_person_has_patience_nor_shorter_than_asked(
    attempt: int, chance: float, retry_after: float | None, shown: bool, policy: RetryPolicy
) -> None:
    trouble = FailureDetails(code="c", message="m", outcome="o", repeat=True, retry_after=retry_after)
    wait = delay(trouble, attempt=attempt, text_shown=shown, chance=chance, policy=policy)
    if wait is not None:
        assert not shown
        assert attempt < policy.attempts
        assert (retry_after or 0) <= wait <= policy.longest_wait + LARGEST_BOUND
