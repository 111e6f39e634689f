"""Was the prompt cache used as foreseen? If not, why (context economics, section 10).

A shortfall of reads is money: each one gets a cause, so that a change which breaks prefixes is seen the same day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from context.lanes import Lane, Sent
from context.pricing import Usage

TOLERANCE: Final = 0.05
ESTIMATED: Final = 0.2  # where the size of the entry was itself only an estimate

Cause = Literal["expired", "model_or_settings", "diagnosed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Reads that were foreseen and not billed."""

    cause: Cause
    expected: int
    billed: int
    detail: str


def check(
    lane: Lane,
    sent: Sent,
    billed: Usage,
    *,
    started_at: int,
    diagnostics: Mapping[str, Any] | None = None,
) -> Shortfall | None:
    """None when at least 95% of the foreseen reads were billed (80% where their size was estimated), else the most likely cause.

    `lane` is the lane as it was planned with; `diagnostics` what the provider said about the miss.
    """
    expected = sent.read_tokens
    counted = any(one.key == sent.read and one.exact for one in lane.written)
    if not expected or billed.cache_read >= expected * (1 - (TOLERANCE if counted else ESTIMATED)):
        return None

    def because(cause: Cause, detail: str) -> Shortfall:
        return Shortfall(cause=cause, expected=expected, billed=billed.cache_read, detail=detail)

    if lane.settings and lane.settings != sent.settings:
        return because("model_or_settings", "the model, its settings or the system prompt changed")
    said = (diagnostics or {}).get("cache_miss_reason") or diagnostics or {}
    kind = said.get("type") if isinstance(said, Mapping) else None
    if kind and kind not in ("unavailable", "previous_message_not_found"):
        return because("diagnosed", f"the provider says: {kind}")
    entry = next((one for one in lane.written if one.key == sent.read), None)
    if entry is not None and not entry.alive(started_at):
        return because("expired", "the entry had outlived its time when the request started")
    if kind == "unavailable":
        return because("expired", "the same bytes were sent, so the provider had dropped the entry early")
    return because("unknown", "nothing that is known explains it")
