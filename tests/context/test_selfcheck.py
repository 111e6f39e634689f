"""Each shortfall of reads gets the cause it has."""

from __future__ import annotations

from dataclasses import replace

from context.lanes import Lane, Lives, Sent, Written
from context.pricing import Usage
from context.selfcheck import check
from tests.context.story import NOON

LANE = Lane(
    model="m",
    settings="s",
    written=(Written(key="k", tokens=1_000, ttl="5m", touched_at=NOON),),
)
SENT = Sent(
    lives=Lives(head="5m", tail="5m"),
    marks=(),
    read="k",
    read_tokens=1_000,
    arrived=0,
    user_id="m2",
    depth=2,
    settings="s",
)
HIT = Usage(cache_read=990)
MISS = Usage(cache_read=0, cache_write_5m=1_000)


def test_reads_as_foreseen_are_no_event() -> None:
    assert check(LANE, SENT, HIT, started_at=NOON) is None


def test_an_outlived_entry_is_named() -> None:
    found = check(LANE, SENT, MISS, started_at=NOON + 400_000)
    assert found is not None
    assert found.cause == "expired"


def test_other_settings_are_named() -> None:
    found = check(LANE, replace(SENT, settings="t"), MISS, started_at=NOON)
    assert found is not None
    assert found.cause == "model_or_settings"


def test_equal_bytes_that_were_not_read_were_dropped_early() -> None:
    found = check(
        LANE, SENT, MISS, started_at=NOON, diagnostics={"cache_miss_reason": {"type": "unavailable"}}
    )
    assert found is not None
    assert found.cause == "expired"


def test_what_the_provider_says_is_passed_on() -> None:
    said = {"type": "tools_changed", "cache_missed_input_tokens": 900}
    found = check(LANE, SENT, MISS, started_at=NOON, diagnostics=said)
    assert found is not None
    assert found.cause == "diagnosed"
    assert "tools_changed" in found.detail


def test_without_any_trace_the_cause_is_unknown() -> None:
    found = check(LANE, SENT, MISS, started_at=NOON)
    assert found is not None
    assert found.cause == "unknown"
