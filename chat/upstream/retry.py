"""When a failed call is repeated: a pure decision. The SDK's own retries are off; this is the only layer.

Rules: never after words of the answer reached the reader; only what a repeat can help; a bounded number of calls to one model; full
jitter over an exponential bound (AWS, "Exponential Backoff and Jitter"); the provider's `retry-after` is obeyed, and when it asks
for more than a person will wait the call is not repeated at all. Where another model can answer, this one gets less of both.
"""

from dataclasses import dataclass

from chat.upstream.failures import Trouble

FIRST_BOUND = 0.5  # seconds; doubles with every attempt
LARGEST_BOUND = 8.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How much one model is given: `attempts` calls in all, and the longest `retry-after` in seconds somebody waits for."""

    attempts: int
    longest_wait: float


ALONE = Patience(attempts=4, longest_wait=30.0)
"""No other model can answer: four calls span about four seconds, and half a minute is what a watching person accepts."""

WITH_OTHERS = Patience(attempts=2, longest_wait=5.0)
"""Another model can: one repeat heals what is momentary, then a cold cache costs less than a person's patience."""


def delay(
    trouble: Trouble, *, attempt: int, text_shown: bool, chance: float, patience: Patience = ALONE
) -> float | None:
    """Seconds to wait before the next call, or None when there must not be one.

    `attempt` counts the calls made so far, `chance` is a random number in [0, 1).
    """
    if text_shown or not trouble.repeat or attempt >= patience.attempts:
        return None
    bound: float = min(LARGEST_BOUND, FIRST_BOUND * 2 ** (attempt - 1))
    if trouble.retry_after is None:
        return bound * chance
    if trouble.retry_after > patience.longest_wait:
        return None
    return trouble.retry_after + bound * chance
