"""Random trouble with a seed: request number n meets the same fate in every run."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import get_args

from tests.upstream import faults
from tests.upstream.errors import ApiError
from tests.upstream.replies import BrokenEnding, Ending, Reply

OVERLOADED = ApiError(status=529, type="overloaded_error", message="Overloaded")
ENDINGS: tuple[Ending, ...] = get_args(Ending)
BEFORE = ("overloaded", "rate_limited", "server_error", "unavailable", "no_response")
DURING: tuple[str, ...] = tuple(how for how in ENDINGS if how not in {"silence", "garbled"})
NEED_OPTIONS = {"slow_headers", "max_tokens", "http_error"}
CUT_END = "cut_end"  # an answer that is whole, but for its last event
KINDS = (*BEFORE, *DURING, CUT_END)
"""Silence is left out unless named: it lasts until the client gives up. So is what only a broken proxy does."""


class Chaos:
    """Disturbs a share `rate` (0 to 1) of the replies, drawn from `seed` and a running number; each of `kinds` once before any twice."""

    def __init__(self, *, seed: int | str, rate: float, kinds: tuple[str, ...] | None = None) -> None:
        self._kinds = kinds or KINDS
        unknown = set(self._kinds) - {*KINDS, *ENDINGS, *faults.BY_NAME.keys() - NEED_OPTIONS}
        if unknown:
            raise ValueError(f"unknown kinds of chaos: {sorted(unknown)}")
        self._seed = seed
        self._rate = rate
        self._number = 0
        self._deck: list[str] = []

    def disturb(self, reply: Reply) -> Reply:
        """The reply as it is, or gone wrong."""
        self._number += 1
        dice = random.Random(f"{self._seed}:{self._number}")
        if dice.random() >= self._rate:
            return reply
        if not self._deck:
            self._deck = dice.sample(self._kinds, k=len(self._kinds))
        kind = self._deck.pop()
        for how in ENDINGS:
            if kind == how:
                ending = BrokenEnding(how=how, error=OVERLOADED, share=dice.random())
                return replace(reply, fault=ending)
        if kind == CUT_END:
            return replace(reply, fault=BrokenEnding(how=dice.choice(("eof", "no_message_stop")), late=True))
        if kind == "rate_limited":
            return faults.rate_limited(retry_after=round(dice.uniform(0.01, 0.2), 2))
        return faults.named(kind)
