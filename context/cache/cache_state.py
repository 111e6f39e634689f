"""A lane: what is known of one model's cache for one thread. The cache is per model, so is everything in here.

One lane is one row of JSON. All times are milliseconds since 1970 UTC; entries live from the *start* of the request that wrote
or read them (context economics, sections 2 and 4).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from context.cache.idle_gaps import Gap, Kind, kind_of
from context.models.pricing import Ttl, Usage
from context.policy import Policy

Life = Literal["none", "5m", "1h"]
LIVES: Final[Mapping[Life, int]] = {"none": 0, "5m": 300_000, "1h": 3_600_000}

POSITIONS_KEPT: Final = 16  # written positions that are remembered; older ones are dead or far behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """For how long the two parts of a prompt are cached: the head (system prompt and summary) and the tail (the window)."""

    head: Life
    tail: Life


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A position of the prompt this lane wrote into the cache: everything up to it, under that key, and its tokens.

    `key` says what the prefix is made of; equal keys are equal bytes. `exact` when the provider counted the tokens.
    """

    key: str
    tokens: int
    ttl: Ttl
    touched_at: int
    exact: bool = False

    def alive(self, now: int) -> bool:
        return now <= self.touched_at + LIVES[self.ttl]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One (thread, model) and its cache.

    life, head: for how long the window and what stands before it are written, `none` when not at all; touched_at: start of its last request, a
    keep-alive included; used_at: start of its last turn; last_id: the last user message it was sent (mark C next time);
    settings: what besides the messages the prefix depends on, as of then; upstream_id: the provider's id of the last answer;
    share: the lane's share of the thread's turns; keepalives: since the last use; renewals: keep-alives per use;
    output: tokens of an answer, averaged; uses: turns it answered; depth: of the last user message; kept_day, kept_cost: the last day
    (since 1970) with keep-alives, and what they cost then in picodollars.
    """

    model: str
    life: Life = "none"
    head: Life = "none"
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
    kept_day: int = 0
    kept_cost: int = 0

    @property
    def alive_until(self) -> int:
        """When the cached window dies unless something reads it before: the time for a timer."""
        return self.touched_at + LIVES[self.life]

    @property
    def lives(self) -> Lives:
        return Lives(head=self.life if self.head == "none" else self.head, tail=self.life)

    @property
    def kind(self) -> Kind | None:
        """The kind of the lane's last gap."""
        return kind_of(self.gaps[-1].ms) if self.gaps else None

    def holds(self, key: str, now: int) -> Written | None:
        """The living entry under a key."""
        return next((entry for entry in self.written if entry.key == key and entry.alive(now)), None)

    def kept_today(self, day: int) -> int:
        """What keep-alives cost on that day, in picodollars."""
        return self.kept_cost if self.kept_day == day else 0

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        value["gaps"] = [[gap.ms, gap.tokens] for gap in self.gaps]
        value["written"] = [
            [entry.key, entry.tokens, entry.ttl, entry.touched_at, entry.exact] for entry in self.written
        ]
        return value

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Lane":
        """The inverse of `to_json`."""
        return Lane(
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
    """What a request did to its lane, as the plan foresaw it.

    marks: the marked positions in order; read, read_tokens: the entry it was going to read, read_at: the index of its position; arrived: tokens of the thread since
    the lane's last turn; user_id and depth: the message it answered.
    """

    lives: Lives
    marks: tuple[Written, ...]
    read: str | None
    read_tokens: int
    arrived: int
    user_id: str
    depth: int
    settings: str
    read_at: int | None = None


def after_request(
    lane: Lane, sent: Sent, *, started_at: int, billed: Usage | None, upstream_id: str | None, policy: Policy
) -> Lane:
    """The lane after a turn's request that the provider began to answer.

    Once per turn, with the last request that began. `billed` is None when the answer broke off before its usage was known; `started_at` is the start of the request. A request
    that failed before the response began wrote nothing: leave the lane as it was.
    """
    if started_at < lane.used_at:
        return lane
    first = lane.used_at == 0
    gaps = (
        lane.gaps if first else (*lane.gaps, Gap(ms=started_at - lane.used_at, tokens=max(0, sent.arrived)))
    )
    memory = 1 - 1 / policy.share_memory
    tail = billed.cache_read + billed.cache_write_5m + billed.cache_write_1h if billed else 0
    answer = billed.output if billed else lane.output
    return replace(
        lane,
        life=sent.lives.tail,
        head=sent.lives.head,
        touched_at=started_at,
        used_at=started_at,
        last_id=sent.user_id,
        settings=sent.settings,
        upstream_id=upstream_id,
        written=_rewritten(lane, sent, started_at, tail),
        gaps=gaps[-policy.gaps_kept :],
        share=_share(lane, sent.depth, policy),
        keepalives=0,
        renewals=lane.renewals * memory + lane.keepalives * (1 - memory),
        output=answer if first else lane.output * memory + answer * (1 - memory),
        uses=lane.uses + 1,
        depth=sent.depth,
    )


def after_keepalive(lane: Lane, *, started_at: int, head: int | None = None, cost: int = 0) -> Lane:
    """The lane after a keep-alive that was answered: everything its last request marked lives on.

    Or only its head of so many tokens: then the window is no longer cached. `cost` in picodollars.
    """
    day = started_at // 86_400_000
    written = tuple(
        replace(entry, touched_at=started_at)
        if entry.touched_at == lane.touched_at and (head is None or entry.tokens <= head)
        else entry
        for entry in lane.written
    )
    return replace(
        lane,
        life=lane.life if head is None else "none",
        head=lane.lives.head,
        touched_at=started_at,
        keepalives=lane.keepalives + 1,
        written=written,
        kept_day=day,
        kept_cost=lane.kept_today(day) + cost,
    )


def _rewritten(lane: Lane, sent: Sent, started_at: int, tail: int) -> tuple[Written, ...]:
    """The entries after a request: what it marked or read is fresh, what it did not touch is as it was."""
    marks = list(sent.marks)
    if marks and tail:
        marks[-1] = replace(marks[-1], tokens=tail, exact=True)
    kept: dict[str, Written] = {entry.key: entry for entry in lane.written if entry.alive(started_at)}
    if sent.read in kept:
        kept[sent.read] = replace(kept[sent.read], touched_at=started_at)
    for mark in marks:
        known = kept.pop(mark.key, None)
        if known is None:
            if mark.tokens > sent.read_tokens:  # nothing is written before the position that was read
                kept[mark.key] = replace(mark, touched_at=started_at)
        else:  # a read renews an entry for the life it was written with
            tokens = known.tokens if known.exact else mark.tokens
            kept[mark.key] = replace(known, tokens=tokens, touched_at=started_at)
    return tuple(kept.values())[-POSITIONS_KEPT:]


def lane_share(lane: Lane, depth: int, *, policy: Policy) -> float:
    """The lane's share of the thread's turns as of a message at that depth: turns of other lanes count against it.

    A plain mean in a young thread, a moving one later; a lane that was never used counts as if it were going to be now.
    """
    turn = depth // 2
    if lane.uses == 0:
        return 1 / min(turn + 1, policy.share_memory)
    return float(lane.share * (1 - 1 / min(turn + 1, policy.share_memory)) ** max(0, turn - lane.depth // 2))


def _share(lane: Lane, depth: int, policy: Policy) -> float:
    """The share with one more use."""
    turn = depth // 2
    if lane.uses == 0:
        return lane_share(lane, depth, policy=policy)
    fresh = 1 / min(turn + 1, policy.share_memory)
    return float(lane.share * (1 - fresh) ** max(1, turn - lane.depth // 2) + fresh)
