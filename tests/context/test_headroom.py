"""Calls stay below a share of what the provider allows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.limits.headroom import SHARE, SLACK, UNKNOWN, Bucket, Headroom, Need

WALL = 1_790_000_000_000
SMALL = Need(input=100, output=50)


def headers(**buckets: tuple[int, int]) -> dict[str, str]:
    """Rate-limit headers: `kind=(limit, remaining)`."""
    fields: dict[str, str] = {}
    for kind, (limit, remaining) in buckets.items():
        name = f"anthropic-ratelimit-{kind.replace('_', '-')}"
        full = datetime.fromtimestamp(WALL / 1000 + (limit - remaining) * 60 / limit, UTC)
        fields |= {f"{name}-limit": str(limit), f"{name}-remaining": str(remaining)}
        fields[f"{name}-reset"] = full.strftime("%Y-%m-%dT%H:%M:%SZ")
    return fields


@pytest.mark.parametrize(
    ("reported", "need", "coming", "wait"),
    [
        ({}, SMALL, [], 0),
        (headers(requests=(100, 100)), SMALL, [], 0),
        (headers(requests=(100, 21)), SMALL, [], 0),
        (headers(requests=(100, 20)), SMALL, [], 0.6),
        (headers(requests=(100, 90)), SMALL, [SMALL] * 70, 0.6),
        (headers(input_tokens=(10_000, 2_100)), SMALL, [], 0),
        (headers(input_tokens=(10_000, 2_000)), SMALL, [], 0.6),
        (headers(input_tokens=(10_000, 10_000)), SMALL, [Need(input=7_950, output=0)], 0.3),
        (headers(output_tokens=(1_000, 0)), SMALL, [], 15),
        (headers(tokens=(10_000, 2_000)), SMALL, [], 0.6),
        (headers(tokens=(10_000, 2_000), input_tokens=(10_000, 9_000)), SMALL, [], 0),
    ],
)
def test_a_call_waits_until_every_bucket_has_room_for_it(
    reported: dict[str, str], need: Need, coming: list[Need], wait: float
) -> None:
    room = UNKNOWN.reported(reported, 0.0, WALL)
    assert room.wait(need, coming, 0.0) == pytest.approx(wait, rel=0.15)
    if not coming:
        assert room.wait(need, coming, wait * 1.2) == 0, "the bucket has refilled by then"


def test_a_call_larger_than_the_share_goes_alone_into_a_full_bucket() -> None:
    large = Need(input=9_500, output=10)
    room = UNKNOWN.reported(headers(input_tokens=(10_000, 10_000)), 0.0, WALL)
    assert room.wait(large, [], 0.0) == 0
    assert room.wait(large, [Need(input=1_000, output=0)], 0.0) > 0
    assert UNKNOWN.reported(headers(input_tokens=(10_000, 5_000)), 0.0, WALL).wait(large, [], 0.0) > 0


def test_what_a_call_produced_is_taken_off_until_the_next_headers_say_so() -> None:
    room = UNKNOWN.reported(headers(output_tokens=(1_000, 900)), 0.0, WALL)
    assert room.wait(SMALL, [], 0.0) == 0
    assert room.spent(700, 0.0).wait(SMALL, [], 0.0) > 0
    assert UNKNOWN.spent(700, 0.0) == UNKNOWN


def test_a_report_that_was_overtaken_does_not_fill_the_bucket_again() -> None:
    room = UNKNOWN.reported(headers(requests=(100, 50)), 0.0, WALL)
    assert room.reported(headers(requests=(100, 60)), 0.0, WALL).buckets["requests"].level == 50
    assert room.reported(headers(requests=(100, 40)), 0.0, WALL).buckets["requests"].level == 40
    assert room.reported(headers(requests=(100, 60)), 6.0, WALL).buckets["requests"].level == pytest.approx(
        60, abs=1
    )
    assert room.reported(headers(requests=(200, 150)), 0.0, WALL).buckets["requests"].level == 150


def test_a_held_model_has_no_room_until_the_time_is_over() -> None:
    waiting = UNKNOWN.hold(7, 100.0)
    assert (waiting.wait(SMALL, [], 100.0), waiting.wait(SMALL, [], 107.0)) == (7, 0)
    assert waiting.hold(2, 100.0) == waiting, "a shorter wish does not end a longer one"


@pytest.mark.parametrize(
    "reported",
    [
        {"anthropic-ratelimit-requests-limit": "many", "anthropic-ratelimit-requests-remaining": "1"},
        {"anthropic-ratelimit-requests-limit": "0", "anthropic-ratelimit-requests-remaining": "0"},
        {"anthropic-ratelimit-requests-limit": "100"},
    ],
)
def test_headers_that_make_no_sense_change_nothing(reported: dict[str, str]) -> None:
    assert UNKNOWN.reported(reported, 0.0, WALL) == UNKNOWN


@pytest.mark.parametrize("reset", ["", "soon", "1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_reset_time_that_makes_no_sense_counts_as_a_minute(reset: str) -> None:
    reported = headers(requests=(100, 20)) | {"anthropic-ratelimit-requests-reset": reset}
    assert UNKNOWN.reported(reported, 0.0, WALL).buckets["requests"].refill == 60


@given(
    limit=st.integers(1, 10**7),
    share=st.floats(0, 1),
    needs=st.lists(st.integers(0, 10**6), max_size=20),
    later=st.floats(0, 600),
)
def test_admitted_calls_never_use_more_than_the_share(
    limit: int, share: float, needs: list[int], later: float
) -> None:
    """However full the bucket was and whatever calls come: those let through leave a fifth of it, or it is one large call."""
    room = Headroom(buckets={"input-tokens": Bucket(limit=limit, level=share * limit, at=0.0)})
    used = limit - room.buckets["input-tokens"].left(later)
    coming: list[Need] = []
    for tokens in needs:
        need = Need(input=tokens, output=0)
        if room.wait(need, coming, later) == 0:
            coming.append(need)
    total = used + sum(admitted.input for admitted in coming)
    largest = max((admitted.input for admitted in coming), default=0)
    assert not coming or total <= max(SHARE * limit, largest + SLACK * limit) + 1e-6
