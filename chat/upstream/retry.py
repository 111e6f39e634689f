"""When a failed call is repeated: a pure decision. The SDK's own retries are off; this is the only layer.

Rules: never after words of the answer reached the reader; only what a repeat can help; at most `ATTEMPTS` calls; full jitter over an
exponential bound (AWS, "Exponential Backoff and Jitter"); the provider's `retry-after` is obeyed, and when it asks for more
than a person will wait the call is not repeated at all.
"""

from chat.upstream.failures import Trouble

ATTEMPTS = 4  # calls in all
FIRST_BOUND = 0.5  # seconds; doubles with every attempt
LARGEST_BOUND = 8.0  # seconds
LONGEST_WAIT = 30.0  # seconds a `retry-after` may ask for while somebody is watching


def delay(trouble: Trouble, *, attempt: int, text_shown: bool, chance: float) -> float | None:
    """Seconds to wait before the next call, or None when there must not be one.

    `attempt` counts the calls made so far, `chance` is a random number in [0, 1).
    """
    if text_shown or not trouble.repeat or attempt >= ATTEMPTS:
        return None
    bound: float = min(LARGEST_BOUND, FIRST_BOUND * 2 ** (attempt - 1))
    if trouble.retry_after is None:
        return bound * chance
    if trouble.retry_after > LONGEST_WAIT:
        return None
    return trouble.retry_after + bound * chance
