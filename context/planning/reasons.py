"""Say in words why a plan's summary, cache TTLs and breakpoints are as they are."""

from collections.abc import Sequence

from context.cache.breakpoints import PlacedBreakpoint
from context.cache.cache_state import Ttls
from context.cache.plan_inputs import PlanInputs
from context.cache.ttl_choice import NAMES
from context.compaction.scope import Compaction
from context.planning.trim import Trimmed

NO_CACHE = "this endpoint has no prompt cache"


def summary_reason(trimmed: Trimmed) -> str:
    """What the summary stands for."""
    if trimmed.summary is None:
        return "no summary yet"
    return f"stands for everything up to {trimmed.summary.upto_id}"


def shortened_reason(trimmed: Trimmed) -> dict[str, str]:
    """Why long replies are sent as their beginning; nothing where none is."""
    short = [message for message in trimmed.window.messages if message.short is not None]
    if not short:
        return {}
    count = "1 long reply is" if len(short) == 1 else f"{len(short)} long replies are"
    saved = sum(message.rest for message in short)
    why = "whole, the newest messages would cost more per turn than they are worth in this thread; search and recall find the rest"
    return {"shortened": f"{count} sent as the beginning only, {saved} tokens less: {why}"}


def head_reason(inputs: PlanInputs, ttls: Ttls) -> str:
    """For how long system prompt and summary are cached."""
    shared = "; other threads share the system prompt" if inputs.shared_prompt else ""
    return f"cache TTL of system prompt and summary: {NAMES[ttls.head]}{shared}"


def breakpoint_reason(
    inputs: PlanInputs, placed: Sequence[PlacedBreakpoint], compaction: Compaction | None
) -> str:
    """Where cache breakpoints stand, or why there is none."""
    if not inputs.model.min_cacheable:
        return NO_CACHE
    if not placed:
        return "no cache breakpoints: nothing in this prompt is worth caching"
    if compaction is not None and compaction.kind != "warm":
        return "only what stays the same after the compaction is cached"
    count = "1 cache breakpoint" if len(placed) == 1 else f"{len(placed)} cache breakpoints"
    return f"{count}: what stays the same is read from the cache, and the new text is added to it"
