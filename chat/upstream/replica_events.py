"""What one replica can tell the others about a model."""

from typing import Literal

import msgspec

What = Literal["well", "failed", "open", "closed", "probe", "limits", "held", "limited", "coming", "gone"]


class ReplicaEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened with a model, as it counts for every replica.

    `seconds`: how long a breaker stays open, or a model is held. `buckets`: per kind the limit, what is left of it, and the seconds
    an empty one takes to fill. `call`: one that is under way (`coming`) or over (`gone`), with its `need`: requests, input and output
    tokens it is still expected to use, or the output it brought. Times are relative: replicas share no clock.
    """

    model: str
    what: What
    seconds: float = 0.0
    buckets: dict[str, tuple[int, float, float]] = {}
    call: str = ""
    need: tuple[int, int, int] = (0, 0, 0)
    sender: str = ""
