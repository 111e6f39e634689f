"""Compare estimated with actual cache reads; where they fell short, find the most likely cause.

A cache miss is money: each one gets a cause, so that a change which breaks prefixes is seen the same day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from context.cache.breakpoints import LOOKBACK
from context.cache.cache_state import CacheState, CacheUse
from context.models.pricing import Usage
from context.request.blocks import Compared, Kind

TOLERANCE: Final = 0.05

# expired: the entry was gone; changed: the bytes are not those that were cached; model_or_settings: what is sent beside them is not;
# lookback: the entry stood too far before the breakpoints; unknown: none of these.
Cause = Literal["expired", "changed", "model_or_settings", "lookback", "unknown"]

# `cache_miss_reason.type` of the provider's cache diagnostics that confirms a change in a kind of block (the SDK's `diagnostics` types).
CONFIRMS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "settings": ("model_changed", "unavailable"),
    "tool": ("tools_changed",),
    "system": ("system_changed",),
    "instructions": ("system_changed",),
    "summary": ("messages_changed",),
    "message": ("messages_changed",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheMiss:
    """Cache reads that were estimated and did not happen. `detail` says the cause in words."""

    cause: Cause
    expected: int
    actual_usage: int
    detail: str


def fell_short(use: CacheUse, actual_usage: Usage) -> bool:
    """Whether less than 95% of the estimated reads were billed, and less than the estimate's own error explains."""
    return actual_usage.cache_read < min(use.read_tokens * (1 - TOLERANCE), use.least_read)


def check(
    cache_state: CacheState,
    use: CacheUse,
    actual_usage: Usage,
    *,
    started_at: int,
    compared: Compared | None = None,
    diagnosed: bool = False,
    diagnostics: Mapping[str, Any] | None = None,
) -> CacheMiss | None:
    """None when the reads were as estimated, else the most likely cause.

    `cache_state` is the cache state the request was planned with; `compared` the request beside the one before it, None while nobody has
    looked or there is nothing to compare with; `diagnosed` whether the provider was asked for the cause, `diagnostics` what it said.

    The provider compares whole requests, also what stands behind the breakpoints and changes every time: that it found no difference
    proves that there is none, that messages differ proves nothing about those that were cached.
    """
    if not fell_short(use, actual_usage):
        return None
    reason = (diagnostics or {}).get("cache_miss_reason") or diagnostics or {}
    word = reason.get("type") if isinstance(reason, Mapping) else None
    silent = diagnosed and diagnostics is None  # the provider was asked and saw no difference
    cause, detail = (
        _changed(compared, word)
        or _expired(cache_state, use, started_at)
        or _unexplained(compared, word, silent=silent)
    )
    expected, actual = use.read_tokens, actual_usage.cache_read
    return CacheMiss(cause=cause, expected=expected, actual_usage=actual, detail=detail)


def _changed(compared: Compared | None, word: object) -> tuple[Cause, str] | None:
    """A block, or a setting, that differs from what was cached."""
    if compared is None or compared.changed is None or compared.kind is None:
        return None
    confirmed = f"; the provider says so too: {word}" if word in CONFIRMS[compared.kind] else ""
    if compared.kind == "settings":
        return "model_or_settings", f"the model, its thinking or another setting changed{confirmed}"
    where = f"block {compared.changed} of {compared.of} ({compared.what})"
    return "changed", f"{where} is not what it was when it was cached{confirmed}"


def _expired(cache_state: CacheState, use: CacheUse, started_at: int) -> tuple[Cause, str] | None:
    """An entry that was no longer alive when the request started."""
    entry = next((entry for entry in cache_state.written if entry.key == use.read), None)
    if entry is not None and not entry.alive(started_at):
        return "expired", "the cache entry had expired when the request started"
    if use.read is None:
        return "expired", "the system prompt that another conversation had cached was gone"
    return None


def _unexplained(compared: Compared | None, word: object, *, silent: bool) -> tuple[Cause, str]:
    """What is left: too long a way back, or what the provider says."""
    if compared is not None and (compared.away is None or compared.away >= LOOKBACK):
        return "lookback", f"more than {LOOKBACK} positions lie between the entry and the next breakpoint"
    if silent:
        return "expired", "the provider found no change, so it had dropped the entry early"
    if compared is None and word == "model_changed":
        return "model_or_settings", f"the provider says: {word}"
    if compared is None and word in ("tools_changed", "system_changed"):
        return "changed", f"the provider says: {word}"
    known = "no known cause explains it" if compared is None else "the same bytes were sent in time"
    return "unknown", known if word is None else f"{known}; the provider says: {word}"
