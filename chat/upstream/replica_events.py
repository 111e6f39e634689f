"""The events replicas publish about a model."""

from typing import Literal

import msgspec

EventType = Literal[
    "call_succeeded",
    "call_failed",
    "breaker_opened",
    "breaker_closed",
    "breaker_probed",
    "limits_reported",
    "model_held",
    "rate_limited",
    "call_started",
    "call_ended",
]


class ReplicaEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened with a model and counts for every replica. Times are relative: replicas share no clock.

    `seconds`: how long a breaker stays open, or a model is held. `buckets`: the rate limits, per kind the limit, what is left of
    it, and the seconds an empty bucket takes to fill. `call_id` and `need` belong to `call_started` (the requests, input and
    output tokens the call is still expected to use) and `call_ended` (its output). `sender` is the replica.
    """

    model: str
    type: EventType
    seconds: float = 0.0
    buckets: dict[str, tuple[int, float, float]] = {}
    call_id: str = ""
    need: tuple[int, int, int] = (0, 0, 0)
    sender: str = ""
