"""Decide whether and when a failed call is retried: exponential backoff with full jitter. Pure; the SDK's own retries are off.

Rules: never after text of the answer has reached the client; only failures a retry can help; a bounded number of calls to one model;
full jitter over an exponential bound (AWS Architecture Blog, "Exponential Backoff And Jitter"); the provider's `retry-after` is
obeyed, and when it is longer than a person will wait there is no retry. A model that another one can stand in for gets fewer tries.
"""

from dataclasses import dataclass

from chat.upstream.failures import FailureDetails

FIRST_BOUND = 0.5  # seconds; doubles with every attempt
LARGEST_BOUND = 8.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often one model is called: `attempts` calls in all; `longest_wait`: the longest `retry-after` in seconds that is waited for."""

    attempts: int
    longest_wait: float


ALONE = RetryPolicy(attempts=4, longest_wait=30.0)
"""No other model can answer: four calls span about four seconds, and half a minute is what a person at the page accepts."""

WITH_OTHERS = RetryPolicy(attempts=2, longest_wait=5.0)
"""Another model can answer: one retry heals what is momentary; then a cold cache costs less than a person's patience."""


def delay(
    failure: FailureDetails, *, attempt: int, text_shown: bool, chance: float, policy: RetryPolicy = ALONE
) -> float | None:
    """Seconds to wait before the next call, or None when there must not be one.

    `attempt` counts the calls made so far, `chance` is a random number in [0, 1).
    """
    if text_shown or not failure.repeat or attempt >= policy.attempts:
        return None
    bound: float = min(LARGEST_BOUND, FIRST_BOUND * 2 ** (attempt - 1))
    if failure.retry_after is None:
        return bound * chance
    if failure.retry_after > policy.longest_wait:
        return None
    return failure.retry_after + bound * chance
