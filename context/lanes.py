"""A lane: what is known of one model's cache for one thread. The cache is per model, so is everything in here.

One lane is one row of JSON. All times are milliseconds since 1970 UTC; entries live from the *start* of the request that wrote
or read them (context economics, sections 2 and 4).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from context.gaps import Gap, Kind, kind_of
from context.policy import Policy
from context.pricing import Ttl, Usage

Life = Literal["none", "5m", "1h"]
LIVES: Final[Mapping[Life, int]] = {"none": 0, "5m": 300_000, "1h": 3_600_000}

POSITIONS_KEPT: Final = 16  # written positions that are remembered; older ones are dead or far behind


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

    life: for how long its prefix is written, `none` when it is not cached at all; touched_at: start of its last request, a
    keep-alive included; used_at: start of its last turn; last_id: the last user message it was sent (mark C next time);
    settings: what besides the messages the prefix depends on, as of then; upstream_id: the provider's id of the last answer;
    share: the lane's share of the thread's turns; keepalives: since the last use; renewals: keep-alives per use;
    output: tokens of an answer, averaged; uses: turns it answered; depth: of the last user message.
    """

    model: str
    life: Life = "none"
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

    @property
    def alive_until(self) -> int:
        """When the last entry of the conversation dies unless something reads it before: the time for a timer."""
        return self.touched_at + LIVES[self.life]

    @property
    def kind(self) -> Kind | None:
        """The kind of the lane's last gap."""
        return kind_of(self.gaps[-1].ms) if self.gaps else None

    def holds(self, key: str, now: int) -> Written | None:
        """The living entry under a key."""
        return next((entry for entry in self.written if entry.key == key and entry.alive(now)), None)

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

    marks: the marked positions in order; read, read_tokens: the entry it was going to read; arrived: tokens of the thread since
    the lane's last turn; user_id and depth: the message it answered.
    """

    life: Life
    marks: tuple[Written, ...]
    read: str | None
    read_tokens: int
    arrived: int
    user_id: str
    depth: int
    settings: str


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
    turns = 1 if first else max(1, (sent.depth - lane.depth) // 2)
    memory = 1 - 1 / policy.share_memory
    tail = billed.cache_read + billed.cache_write_5m + billed.cache_write_1h if billed else 0
    answer = billed.output if billed else lane.output
    return replace(
        lane,
        life=sent.life,
        touched_at=started_at,
        used_at=started_at,
        last_id=sent.user_id,
        settings=sent.settings,
        upstream_id=upstream_id,
        written=_rewritten(lane, sent, started_at, tail),
        gaps=gaps[-policy.gaps_kept :],
        share=_share(lane, turns, sent.depth, memory, first),
        keepalives=0,
        renewals=lane.renewals * memory + lane.keepalives * (1 - memory),
        output=answer if first else lane.output * memory + answer * (1 - memory),
        uses=lane.uses + 1,
        depth=sent.depth,
    )


def after_keepalive(lane: Lane, *, started_at: int) -> Lane:
    """The lane after a keep-alive that was answered: everything its last request marked lives on."""
    written = tuple(
        replace(entry, touched_at=started_at) if entry.touched_at == lane.touched_at else entry
        for entry in lane.written
    )
    return replace(lane, touched_at=started_at, keepalives=lane.keepalives + 1, written=written)


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


def _share(lane: Lane, turns: int, depth: int, memory: float, first: bool) -> float:
    """The lane's moving share of the thread's turns; turns of other lanes since the last use count against it."""
    if first:
        return 1.0 if depth < 2 else 1 / min(depth // 2 + 1, 1 / (1 - memory))
    return float(lane.share * memory**turns + (1 - memory))
