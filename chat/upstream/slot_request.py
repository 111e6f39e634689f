"""The request for a slot: which model, for whom, how large the call is, and how long it may wait."""

from dataclasses import dataclass
from typing import Literal

from context.limits.headroom import Need

Priority = Literal["reply", "background", "optional"]
"""`reply`: somebody waits for the answer. `background`: it can wait. `optional`: not sent at all where it would have to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest:
    """A call that wants to be sent.

    `longest_wait`: the longest wait in seconds for a model whose rate limit is exhausted. None: no other model could answer, so
    that the call also waits for an open circuit breaker.
    """

    model: str
    owner: str
    need: Need
    priority: Priority
    turn: str | None = None
    longest_wait: float | None = None

    @property
    def waits_for_breaker(self) -> bool:
        """Whether the call waits until an open breaker lets calls through again, instead of failing at once."""
        return self.priority == "reply" and self.longest_wait is None
