"""A cache state: what is known of one model's cache for one thread. The cache is per model, so is everything in here.

One cache state is one row of JSON. All times are milliseconds since 1970 UTC; entries live from the *start* of the request that wrote
or read them (context economics, sections 2 and 4).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from context.cache.idle_gaps import Gap, Kind, kind_of
from context.models.pricing import Ttl, Usage
from context.policy import Policy

CacheTtl = Literal["none", "5m", "1h"]
TTL_MS: Final[Mapping[CacheTtl, int]] = {"none": 0, "5m": 300_000, "1h": 3_600_000}

POSITIONS_KEPT: Final = 16  # written positions that are remembered; older ones are dead or far behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttls:
    """For how long the two parts of a prompt are cached: the head (system prompt and summary) and the tail (the window)."""

    head: CacheTtl
    tail: CacheTtl


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A position of the prompt this cache state wrote into the cache: everything up to it, under that key, and its tokens.

    `key` says what the prefix is made of; equal keys are equal bytes. `exact` when the provider counted the tokens.
    """

    key: str
    tokens: int
    ttl: Ttl
    touched_at: int
    exact: bool = False

    def alive(self, now: int) -> bool:
        return now <= self.touched_at + TTL_MS[self.ttl]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheState:
    """One (thread, model) and its cache.

    window_ttl, head_ttl: for how long the window and what stands before it are written, `none` when not at all; touched_at: start of its last request, a
    keep-alive included; used_at: start of its last turn; last_id: the last user message it was sent (mark C next time);
    settings: what besides the messages the prefix depends on, as of then; upstream_id: the provider's id of the last answer;
    share: the cache state's share of the thread's turns; keepalives: since the last use; renewals: keep-alives per use;
    output: tokens of an answer, averaged; uses: turns it answered; depth: of the last user message; kept_day, kept_cost: the last day
    (since 1970) with keep-alives, and what they cost then in picodollars.
    """

    model: str
    window_ttl: CacheTtl = "none"
    head_ttl: CacheTtl = "none"
    touched_at: int = 0
    used_at: int = 0
    last_id: str | None = None
    settings: str = ""
    upstream_id: str | None = None
    written: tuple[Written, ...] = ()
    gaps: tuple[Gap, ...] = ()
    share: float = 1.0
    keepalives: int = 0
    renewals: float = 0.0
    output: float = 0.0
    uses: int = 0
    depth: int = 0
    keepalive_day: int = 0
    keepalive_cost: int = 0

    @property
    def alive_until(self) -> int:
        """When the cached window dies unless something reads it before: the time for a timer."""
        return self.touched_at + TTL_MS[self.window_ttl]

    @property
    def ttls(self) -> Ttls:
        return Ttls(head=self.window_ttl if self.head_ttl == "none" else self.head_ttl, tail=self.window_ttl)

    @property
    def kind(self) -> Kind | None:
        """The kind of the cache state's last gap."""
        return kind_of(self.gaps[-1].ms) if self.gaps else None

    def holds(self, key: str, now: int) -> Written | None:
        """The living entry under a key."""
        return next((entry for entry in self.written if entry.key == key and entry.alive(now)), None)

    def keepalive_cost_on(self, day: int) -> int:
        """What keep-alives cost on that day, in picodollars."""
        return self.keepalive_cost if self.keepalive_day == day else 0

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        value["gaps"] = [[gap.ms, gap.tokens] for gap in self.gaps]
        value["written"] = [
            [entry.key, entry.tokens, entry.ttl, entry.touched_at, entry.exact] for entry in self.written
        ]
        return value

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "CacheState":
        """The inverse of `to_json`."""
        return CacheState(
            **{
                **value,
                "gaps": tuple(Gap(ms=ms, tokens=tokens) for ms, tokens in value["gaps"]),
                "written": tuple(
                    Written(key=key, tokens=tokens, ttl=ttl, touched_at=at, exact=exact)
                    for key, tokens, ttl, at, exact in value["written"]
                ),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a request did to its cache state, as the plan foresaw it.

    marks: the marked positions in order; read, read_tokens: the entry it was going to read, read_at: the index of its position; arrived: tokens of the thread since
    the cache state's last turn; user_id and depth: the message it answered.
    """

    ttls: Ttls
    cache_breakpoints: tuple[Written, ...]
    read: str | None
    read_tokens: int
    arrived: int
    user_id: str
    depth: int
    settings: str
    read_at: int | None = None


def after_request(
    cache_state: CacheState,
    sent: Sent,
    *,
    started_at: int,
    actual_usage: Usage | None,
    upstream_id: str | None,
    policy: Policy,
) -> CacheState:
    """The cache state after a turn's request that the provider began to answer.

    Once per turn, with the last request that began. `actual_usage` is None when the answer broke off before its usage was known; `started_at` is the start of the request. A request
    that failed before the response began wrote nothing: leave the cache state as it was.
    """
    if started_at < cache_state.used_at:
        return cache_state
    first = cache_state.used_at == 0
    gaps = (
        cache_state.gaps
        if first
        else (*cache_state.gaps, Gap(ms=started_at - cache_state.used_at, tokens=max(0, sent.arrived)))
    )
    memory = 1 - 1 / policy.share_memory
    tail = (
        actual_usage.cache_read + actual_usage.cache_write_5m + actual_usage.cache_write_1h
        if actual_usage
        else 0
    )
    answer = actual_usage.output if actual_usage else cache_state.output
    return replace(
        cache_state,
        window_ttl=sent.ttls.tail,
        head_ttl=sent.ttls.head,
        touched_at=started_at,
        used_at=started_at,
        last_id=sent.user_id,
        settings=sent.settings,
        upstream_id=upstream_id,
        written=_rewritten(cache_state, sent, started_at, tail),
        gaps=gaps[-policy.gaps_kept :],
        share=_share(cache_state, sent.depth, policy),
        keepalives=0,
        renewals=cache_state.renewals * memory + cache_state.keepalives * (1 - memory),
        output=answer if first else cache_state.output * memory + answer * (1 - memory),
        uses=cache_state.uses + 1,
        depth=sent.depth,
    )


def after_keepalive(
    cache_state: CacheState, *, started_at: int, head: int | None = None, cost: int = 0
) -> CacheState:
    """The cache state after a keep-alive that was answered: everything its last request marked lives on.

    Or only its head of so many tokens: then the window is no longer cached. `cost` in picodollars.
    """
    day = started_at // 86_400_000
    written = tuple(
        replace(entry, touched_at=started_at)
        if entry.touched_at == cache_state.touched_at and (head is None or entry.tokens <= head)
        else entry
        for entry in cache_state.written
    )
    return replace(
        cache_state,
        window_ttl=cache_state.window_ttl if head is None else "none",
        head_ttl=cache_state.ttls.head,
        touched_at=started_at,
        keepalives=cache_state.keepalives + 1,
        written=written,
        keepalive_day=day,
        keepalive_cost=cache_state.keepalive_cost_on(day) + cost,
    )


def _rewritten(cache_state: CacheState, sent: Sent, started_at: int, tail: int) -> tuple[Written, ...]:
    """The entries after a request: what it marked or read is fresh, what it did not touch is as it was."""
    cache_breakpoints = list(sent.cache_breakpoints)
    if cache_breakpoints and tail:
        cache_breakpoints[-1] = replace(cache_breakpoints[-1], tokens=tail, exact=True)
    kept: dict[str, Written] = {entry.key: entry for entry in cache_state.written if entry.alive(started_at)}
    if sent.read in kept:
        kept[sent.read] = replace(kept[sent.read], touched_at=started_at)
    for cache_breakpoint in cache_breakpoints:
        known = kept.pop(cache_breakpoint.key, None)
        if known is None:
            if (
                cache_breakpoint.tokens > sent.read_tokens
            ):  # nothing is written before the position that was read
                kept[cache_breakpoint.key] = replace(cache_breakpoint, touched_at=started_at)
        else:  # a read renews an entry for the life it was written with
            tokens = known.tokens if known.exact else cache_breakpoint.tokens
            kept[cache_breakpoint.key] = replace(known, tokens=tokens, touched_at=started_at)
    return tuple(kept.values())[-POSITIONS_KEPT:]


def share_at(cache_state: CacheState, depth: int, *, policy: Policy) -> float:
    """The cache state's share of the thread's turns as of a message at that depth: turns of other cache states count against it.

    A plain mean in a young thread, a moving one later; a cache state that was never used counts as if it were going to be now.
    """
    turn = depth // 2
    if cache_state.uses == 0:
        return 1 / min(turn + 1, policy.share_memory)
    return float(
        cache_state.share
        * (1 - 1 / min(turn + 1, policy.share_memory)) ** max(0, turn - cache_state.depth // 2)
    )


def _share(cache_state: CacheState, depth: int, policy: Policy) -> float:
    """The share with one more use."""
    turn = depth // 2
    if cache_state.uses == 0:
        return share_at(cache_state, depth, policy=policy)
    fresh = 1 / min(turn + 1, policy.share_memory)
    return float(cache_state.share * (1 - fresh) ** max(1, turn - cache_state.depth // 2) + fresh)
