"""Every knob of the context engine, its default and the reason for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much of a conversation goes into a request. All sizes in tokens.

    window_cap: the most the verbatim window may hold. 60,000 keeps a whole prompt well below the 100,000-token price step
        of the cheapest current model and below the length at which answers start to suffer from sheer context.
    window_low: the share of the cap that stays when the window is cut. Cutting to one half means that a prefix which
        was paid for once is re-read many times before it moves; dropping one message a turn would pay for it every turn.
    safety: estimates are multiplied by this before they are compared with a hard limit, so that an error in the estimate
        never becomes a rejected request.
    overhead: room kept for the request's own framing, which no message accounts for.
    """

    window_cap: int = 60_000
    window_low: float = 0.5
    safety: float = 1.15
    overhead: int = 64


DEFAULT = Policy()
