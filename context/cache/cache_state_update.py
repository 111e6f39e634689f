"""The cache state after a request or a keep-alive: which entries are alive, for how long, and what the bill told of their sizes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from context.cache.cache_state import CacheState, CacheUse, Written, share_at
from context.cache.idle_gaps import Gap
from context.cache.prefix_sizes import Size, inferred, remembered, reported
from context.models.pricing import Usage
from context.policy import Policy

NEED_TURNS: Final = 50  # turns over which that is averaged
POSITIONS_KEPT: Final = 16  # written positions that are remembered; older ones are dead or far behind


def after_request(
    cache_state: CacheState,
    use: CacheUse,
    *,
    started_at: int,
    actual_usage: Usage | None,
    upstream_id: str | None,
    policy: Policy,
    first_usage: Usage | None = None,
) -> CacheState:
    """The cache state after a turn's request that the provider began to answer.

    Once per turn, with the last request that began. `actual_usage` is None when the answer broke off before its usage was known; `first_usage` is that of the
    planned prompt, before any tool had answered, where it is another. `started_at` is the start of the request. A request that failed before
    the response began wrote nothing: leave the cache state as it was.
    """
    if started_at < cache_state.used_at:
        return cache_state
    first = cache_state.used_at == 0
    gaps = cache_state.gaps
    if not first:
        gaps = (*gaps, Gap(ms=started_at - cache_state.used_at, tokens=max(0, use.arrived)))
    memory = 1 - 1 / policy.share_turns
    bill = actual_usage if first_usage is None else first_usage
    sizes = {} if bill is None else reported(use.counted, bill)
    output = cache_state.output if actual_usage is None else actual_usage.output
    return replace(
        cache_state,
        window_ttl=use.ttls.window,
        head_ttl=use.ttls.head,
        touched_at=started_at,
        used_at=started_at,
        last_id=use.user_id,
        settings=use.settings,
        upstream_id=upstream_id,
        written=_rewritten(cache_state, use, started_at, actual_usage, sizes),
        sizes=remembered(cache_state.sizes, sizes),
        gaps=gaps[-policy.gaps_kept :],
        share=_share(cache_state, use.depth, policy),
        keepalives=0,
        renewals=cache_state.renewals * memory + cache_state.keepalives * (1 - memory),
        output=output if first else cache_state.output * memory + output * (1 - memory),
        uses=cache_state.uses + 1,
        depth=use.depth,
        tools=use.tools,
        summary_id=use.summary_id,
        need=cache_state.need if use.need is None else _averaged(cache_state.need, use.need),
    )


def _averaged(need: float, newest: float) -> float:
    return need + (newest - need) / NEED_TURNS


def after_keepalive(
    cache_state: CacheState, *, started_at: int, head: int | None = None, cost: int = 0
) -> CacheState:
    """The cache state after a keep-alive that was answered: all entries its last request wrote or read are renewed.

    With `head` only those of up to so many tokens: the window is no longer cached then. `cost` in picodollars.
    """
    written = tuple(
        replace(entry, touched_at=started_at)
        if entry.touched_at == cache_state.touched_at and (head is None or entry.tokens <= head)
        else entry
        for entry in cache_state.written
    )
    return replace(
        with_keepalive_cost(cache_state, started_at // 86_400_000, cost),
        window_ttl=cache_state.window_ttl if head is None else "none",
        head_ttl=cache_state.ttls.head,
        touched_at=started_at,
        keepalives=cache_state.keepalives + 1,
        written=written,
    )


def with_keepalive_cost(cache_state: CacheState, day: int, cost: int) -> CacheState:
    """The cache state with a keep-alive's price added to those of that day."""
    return replace(cache_state, keepalive_day=day, keepalive_cost=cache_state.keepalive_cost_on(day) + cost)


def _rewritten(
    cache_state: CacheState, use: CacheUse, started_at: int, usage: Usage | None, sizes: Mapping[str, int]
) -> tuple[Written, ...]:
    """The entries after a request: what it wrote or read is fresh, what it did not touch is as it was.

    `usage` is None when the provider did not say what it read and wrote; `sizes` are the prefixes that the bill told.
    """
    follows = inferred(use.counted, sizes)
    read = use.read_tokens if usage is None else usage.cache_read
    cached = usage is None or usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
    alive: dict[str, Written] = {entry.key: entry for entry in cache_state.written if entry.alive(started_at)}
    if not read:
        alive.pop(use.read or use.settings, None)
    elif use.read in alive:
        alive[use.read] = replace(alive[use.read], touched_at=started_at)
    for entry in use.breakpoints if cached else ():
        known = alive.pop(entry.key, None)
        tokens = follows[entry.key].tokens if entry.key in follows else entry.tokens
        if known is not None:  # a read renews an entry for the TTL it was written with
            alive[entry.key] = replace(known, touched_at=started_at)
        elif tokens > read:  # nothing is written before the position that was read
            alive[entry.key] = replace(entry, touched_at=started_at)
        elif sizes.get(entry.key) == read:  # another thread wrote it, perhaps with the shorter TTL
            alive[entry.key] = replace(entry, ttl="5m", touched_at=started_at)
    return tuple(_resized(entry, sizes, follows) for entry in alive.values())[-POSITIONS_KEPT:]


def _resized(entry: Written, sizes: Mapping[str, int], follows: Mapping[str, Size]) -> Written:
    """An entry with the size that a bill told or that follows from it."""
    if entry.key in sizes:
        return replace(entry, tokens=sizes[entry.key], exact=True, error=0)
    if entry.key in follows and not entry.exact:
        return replace(entry, tokens=follows[entry.key].tokens, error=follows[entry.key].error)
    return entry


def _share(cache_state: CacheState, depth: int, policy: Policy) -> float:
    """The share with one more use."""
    turn = depth // 2
    if cache_state.uses == 0:
        return share_at(cache_state, depth, policy=policy)
    fresh = 1 / min(turn + 1, policy.share_turns)
    return float(cache_state.share * (1 - fresh) ** max(1, turn - cache_state.depth // 2) + fresh)
