"""The prompt cache of one model for one thread: what was written into it, when it expires, and how it has been used.

The provider's cache is per model, so is everything in here. One cache state is stored as one row of JSON. All times are milliseconds since
1970 UTC. An entry lives from the *start* of the request that wrote it; a read renews it for the TTL it was written with, free of charge
(Claude API documentation, "Prompt caching").
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from context.cache.idle_gaps import Gap, Kind, kind_of
from context.cache.prefix_sizes import NOTHING, CountedPrefixes, Size, Sizes
from context.models.pricing import Ttl
from context.policy import Policy

CacheTtl = Literal["none", "5m", "1h"]
TTL_MS: Final[Mapping[CacheTtl, int]] = {"none": 0, "5m": 300_000, "1h": 3_600_000}

FIRST_NEED: Final = 0.002  # of a cache state's turns that need something old, where nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttls:
    """For how long the two parts of a prompt are cached: the head (system prompt and summary) and the window."""

    head: CacheTtl
    window: CacheTtl


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A cache entry: a prefix of the prompt up to a breakpoint, under its key, and its tokens as far as they are known.

    `key` says what the prefix is made of; equal keys mean equal bytes. `exact` when the provider counted the tokens; `error`: how far
    they may be off where they follow from a bill, None where they are estimated.
    """

    key: str
    tokens: int
    ttl: Ttl
    touched_at: int
    exact: bool = False
    error: int | None = None

    def alive(self, now: int) -> bool:
        return now <= self.touched_at + TTL_MS[self.ttl]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheState:
    """One (thread, model) and its cache.

    window_ttl, head_ttl: for how long the window and what stands before it are written, `none` when not at all; touched_at: start of its
    last request, keep-alives included; used_at: start of its last turn; last_id: the last user message it was sent; settings: what
    besides the messages the prefix depends on, as of then; upstream_id: the provider's id of the last answer; written: the entries
    that may still be alive; gaps: the idle gaps between its turns, oldest first; share: its share of the thread's turns; keepalives: since
    the last turn; renewals: keep-alives per turn, averaged; output: tokens of an answer, averaged; uses: turns it answered; depth: of the
    last user message; keepalive_day, keepalive_cost: the last day (since 1970) with keep-alives, and their cost then in picodollars; tools: offered
    with its last request, under the summary summary_id; need: the share of its turns that needed something older than the window, averaged;
    sizes: tokens of prefixes that bills have told.
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
    sizes: Sizes = ()
    keepalive_day: int = 0
    keepalive_cost: int = 0
    tools: tuple[str, ...] = ()
    summary_id: str | None = None
    need: float = FIRST_NEED

    @property
    def alive_until(self) -> int:
        """When the cached window expires unless something reads it before: the time for a timer."""
        return self.touched_at + TTL_MS[self.window_ttl]

    @property
    def ttls(self) -> Ttls:
        return Ttls(
            head=self.window_ttl if self.head_ttl == "none" else self.head_ttl, window=self.window_ttl
        )

    @property
    def kind(self) -> Kind | None:
        """The kind of the cache state's last gap."""
        return kind_of(self.gaps[-1].ms) if self.gaps else None

    @property
    def inferred_sizes(self) -> dict[str, Size]:
        """The sizes of cached prefixes that no bill told but that follow from one, by key."""
        return {
            entry.key: Size(entry.tokens, entry.error)
            for entry in self.written
            if entry.error is not None and not entry.exact
        }

    def holds(self, key: str, now: int) -> Written | None:
        """The living entry under a key."""
        return next((entry for entry in self.written if entry.key == key and entry.alive(now)), None)

    def keepalive_cost_on(self, day: int) -> int:
        """What keep-alives cost on that day, in picodollars."""
        return self.keepalive_cost if self.keepalive_day == day else 0

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        value["sizes"] = [list(size) for size in self.sizes]
        value["gaps"] = [[gap.ms, gap.tokens] for gap in self.gaps]
        value["written"] = [
            [entry.key, entry.tokens, entry.ttl, entry.touched_at, entry.exact, entry.error]
            for entry in self.written
        ]
        return value

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "CacheState":
        """The inverse of `to_json`. Before sizes were stored they stood at the entries only; errors of entries came later."""
        counted = [(key, tokens) for key, tokens, _, _, exact, *_ in value["written"] if exact]
        return CacheState(
            **{
                **value,
                "tools": tuple(value.get("tools", ())),
                "sizes": tuple((key, tokens) for key, tokens in value.get("sizes", counted)),
                "gaps": tuple(Gap(ms=ms, tokens=tokens) for ms, tokens in value["gaps"]),
                "written": tuple(
                    Written(
                        key=key,
                        tokens=tokens,
                        ttl=ttl,
                        touched_at=at,
                        exact=exact,
                        error=error[0] if error else None,
                    )
                    for key, tokens, ttl, at, exact, *error in value["written"]
                ),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """What a planned request is expected to read from the cache and write into it.

    breakpoints: the marked positions, in order; read, read_tokens: key and size of the entry it reads, read_error: how far that size may be
    off, all of it where the entry may be too short to have been cached; read_at: the index of its position; arrived: tokens of the thread since
    the cache state's last turn; user_id and depth: the message it answers; tools and summary_id: what stands at its beginning; need: how
    likely it needed something older than the window, None where nothing is older; counted: what the bill will tell of sizes.
    """

    ttls: Ttls
    breakpoints: tuple[Written, ...]
    read: str | None
    read_tokens: int
    arrived: int
    user_id: str
    depth: int
    settings: str
    read_at: int | None = None
    tools: tuple[str, ...] = ()
    summary_id: str | None = None
    need: float | None = None
    read_error: int = 0
    counted: CountedPrefixes = NOTHING

    @property
    def least_read(self) -> int:
        """Tokens that are read at least when the entry is alive."""
        return max(0, self.read_tokens - self.read_error)


def share_at(cache_state: CacheState, depth: int, *, policy: Policy) -> float:
    """The cache state's share of the thread's turns as of a message at that depth: turns of other cache states count against it.

    A plain mean in a young thread, a moving one later; a cache state that was never used counts as if it were going to be now.
    """
    turn = depth // 2
    if cache_state.uses == 0:
        return 1 / min(turn + 1, policy.share_turns)
    return float(
        cache_state.share
        * (1 - 1 / min(turn + 1, policy.share_turns)) ** max(0, turn - cache_state.depth // 2)
    )
