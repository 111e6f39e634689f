"""Requests of one address are counted over a sliding minute."""

import pytest
from limits import RateLimitItemPerMinute

from chat.api.middleware.rate_limit import Windows


def test_requests_are_counted_over_a_sliding_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("chat.api.middleware.rate_limit.time.monotonic", lambda: now)
    windows, rate = Windows(), RateLimitItemPerMinute(10)
    assert [windows.hit(rate, "a") for _ in range(12)] == [True] * 10 + [False] * 2
    assert windows.hit(rate, "b")
    now = 90.0  # half of the ten still count
    assert [windows.hit(rate, "a") for _ in range(7)] == [True] * 5 + [False] * 2
    now = 300.0
    assert [windows.hit(rate, "a") for _ in range(11)] == [True] * 10 + [False]
