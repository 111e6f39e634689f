"""Was the prompt cache used as foreseen? If not, why (context economics, section 10).

A shortfall of reads is money: each one gets a cause, so that a change which breaks prefixes is seen the same day.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from context.lanes import Lane, Sent
from context.pricing import Usage

TOLERANCE: Final = 0.05
ESTIMATED: Final = 0.2  # where the size of the entry was itself only an estimate

Cause = Literal["expired", "changed", "model_or_settings", "lookback", "diagnosed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Reads that were foreseen and not billed. `block` is the first block that differs from the request before, if one does."""

    cause: Cause
    expected: int
    billed: int
    detail: str
    block: int | None = None


def prefix_digests(body: bytes) -> tuple[str, ...]:
    """One short digest per block of a request, each over everything up to it; marks do not count. First the settings."""
    value: dict[str, Any] = json.loads(body)
    rolling = sha256(
        json.dumps([value.get("model"), value.get("thinking"), value.get("tools")], sort_keys=True).encode()
    )
    digests = [rolling.hexdigest()[:12]]
    blocks = [("system", block) for block in value.get("system", [])]
    blocks += [(message["role"], block) for message in value["messages"] for block in message["content"]]
    for role, block in blocks:
        bare = {key: inner for key, inner in block.items() if key != "cache_control"}
        rolling.update(f"\0{role}\0{json.dumps(bare, sort_keys=True)}".encode())
        digests.append(rolling.hexdigest()[:12])
    return tuple(digests)


def check(
    lane: Lane,
    sent: Sent,
    billed: Usage,
    *,
    started_at: int,
    before: tuple[str, ...] = (),
    now: tuple[str, ...] = (),
    last_mark_before: int | None = None,
    diagnostics: Mapping[str, Any] | None = None,
) -> Shortfall | None:
    """None when at least 95% of the foreseen reads were billed (80% where their size was estimated), else the most likely cause.

    `lane` is the lane as it was planned with. `before` and `now` are the prefix digests of the lane's last request and this one,
    `last_mark_before` the index in `before` of the last marked block; `diagnostics` what the provider said about the miss.
    """
    expected = sent.read_tokens
    counted = any(one.key == sent.read and one.exact for one in lane.written)
    if not expected or billed.cache_read >= expected * (1 - (TOLERANCE if counted else ESTIMATED)):
        return None

    def because(cause: Cause, detail: str, block: int | None = None) -> Shortfall:
        return Shortfall(cause=cause, expected=expected, billed=billed.cache_read, detail=detail, block=block)

    if lane.settings and lane.settings != sent.settings:
        return because("model_or_settings", "the model, its settings or the system prompt changed")
    if before and now:
        if before[0] != now[0]:
            return because("model_or_settings", "the model, its thinking or the tools changed", 0)
        marked = len(before) - 1 if last_mark_before is None else last_mark_before
        pairs = zip(before[: marked + 1], now, strict=False)
        changed = next((index for index, (old, new) in enumerate(pairs) if old != new), None)
        if changed is not None:
            return because("changed", f"block {changed} is not what it was", changed)
    said = (diagnostics or {}).get("cache_miss_reason") or diagnostics or {}
    kind = said.get("type") if isinstance(said, Mapping) else None
    if kind and kind not in ("unavailable", "previous_message_not_found"):
        return because("diagnosed", f"the provider says: {kind}")
    entry = next((one for one in lane.written if one.key == sent.read), None)
    if entry is not None and not entry.alive(started_at):
        return because("expired", "the entry had outlived its time when the request started")
    if before and now and len(now) - len(before) > 20 and len(sent.marks) < 2:
        return because("lookback", "more than 20 blocks since the last written position")
    if (before and now) or kind == "unavailable":
        return because("expired", "the same bytes were sent, so the provider had dropped the entry early")
    return because("unknown", "nothing that is known explains it")
