"""Was the prompt cache used as estimated? If not, why (context economics, section 10).

A cache miss of reads is money: each one gets a cause, so that a change which breaks prefixes is seen the same day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from context.cache.breakpoints import LOOKBACK
from context.cache.cache_state import CacheState, Sent
from context.models.pricing import Usage
from context.request.blocks import Compared, Kind

TOLERANCE: Final = 0.05
ESTIMATED: Final = 0.2  # where the size of the entry was itself only an estimate

# expired: the entry was gone; changed: the bytes are not those that were cached; model_or_settings: what is sent beside them is not;
# lookback: the entry stood too far before the marks; unknown: none of these.
Cause = Literal["expired", "changed", "model_or_settings", "lookback", "unknown"]

# What the provider says when it sees the same (upstream facts 2.10).
CONFIRMS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "settings": ("model_changed", "unavailable"),
    "tool": ("tools_changed",),
    "system": ("system_changed",),
    "summary": ("messages_changed",),
    "message": ("messages_changed",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheMiss:
    """Reads that were estimated and not billed."""

    cause: Cause
    expected: int
    actual_usage: int
    detail: str


def fell_short(cache_state: CacheState, sent: Sent, actual_usage: Usage) -> bool:
    """Whether less than 95% of the estimated reads were billed (80% where their size was estimated)."""
    counted = any(one.key == sent.read and one.exact for one in cache_state.written)
    least = sent.read_tokens * (1 - (TOLERANCE if counted else ESTIMATED))
    return bool(sent.read_tokens) and actual_usage.cache_read < least


def check(
    cache_state: CacheState,
    sent: Sent,
    actual_usage: Usage,
    *,
    started_at: int,
    compared: Compared | None = None,
    asked: bool = False,
    diagnostics: Mapping[str, Any] | None = None,
) -> CacheMiss | None:
    """None when the reads were as estimated, else the most likely cause.

    `cache state` is the cache state as it was planned with; `compared` the request beside the one before it, None while nobody has looked or
    there is nothing to compare with; `asked` whether the provider was asked for the cause, `diagnostics` what it said.

    The provider compares whole requests, also what stands behind the marks and changes every time: that it found no difference
    proves that there is none, that messages differ proves nothing about those that were cached.
    """
    if not fell_short(cache_state, sent, actual_usage):
        return None

    def because(cause: Cause, detail: str) -> CacheMiss:
        return CacheMiss(
            cause=cause, expected=sent.read_tokens, actual_usage=actual_usage.cache_read, detail=detail
        )

    reason = (diagnostics or {}).get("cache_miss_reason") or diagnostics or {}
    word = reason.get("type") if isinstance(reason, Mapping) else None
    if compared is not None and compared.changed is not None and compared.kind is not None:
        confirmed = f"; the provider says so too: {word}" if word in CONFIRMS[compared.kind] else ""
        if compared.kind == "settings":
            return because(
                "model_or_settings", f"the model, its thinking or another setting changed{confirmed}"
            )
        where = f"block {compared.changed} of {compared.of} ({compared.what})"
        return because("changed", f"{where} is not what it was when it was cached{confirmed}")
    entry = next((one for one in cache_state.written if one.key == sent.read), None)
    if entry is not None and not entry.alive(started_at):
        return because("expired", "the entry had outlived its time when the request started")
    if sent.read is None:
        return because("expired", "the system prompt that another conversation had cached was gone")
    if compared is not None and (compared.away is None or compared.away >= LOOKBACK):
        return because("lookback", f"more than {LOOKBACK} positions lie between the entry and the next mark")
    if asked and diagnostics is None:
        return because("expired", "nothing had changed, says the provider, so it had dropped the entry early")
    if compared is None and word == "model_changed":
        return because("model_or_settings", f"the provider says: {word}")
    if compared is None and word in ("tools_changed", "system_changed"):
        return because("changed", f"the provider says: {word}")
    known = "nothing that is known explains it" if compared is None else "the same bytes were sent in time"
    return because("unknown", known if word is None else f"{known}; the provider says: {word}")
