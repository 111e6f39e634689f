"""The one entry point of the context engine: what a turn's request will contain, what it will cost, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from context import breakpoints, folding
from context.economy import Economy
from context.folding import Fold
from context.gaps import Service, kind_of, outlook
from context.ladder import Ladder
from context.lanes import Lane, Life, Lives, Sent, Written
from context.layout import Layout, lay_out
from context.lives import NAMES, best_lives
from context.messages import Message
from context.pricing import Ttl, Usage
from context.prompts import Prompt
from context.recipe import LAYOUT, Breakpoint, Recalled, RecalledRef, Recipe
from context.routing.choice import Route
from context.terms import Neighbour, Summariser, Terms, arriving, economy, message_limit
from context.window import MessageTooLarge, Window, select

__all__ = [
    "Breakpoint",
    "Estimate",
    "Plan",
    "Recalled",
    "Recipe",
    "Summariser",
    "Terms",
    "message_limit",
    "plan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimated tokens of a request, by section, as the model counts them. `new` is the newest user text."""

    tools: int
    system: int
    summary: int
    window: int
    recall: int
    new: int

    @property
    def total(self) -> int:
        return self.tools + self.system + self.summary + self.window + self.recall + self.new

    def to_json(self) -> dict[str, int]:
        return {
            "tools": self.tools,
            "system": self.system,
            "summary": self.summary,
            "window": self.window,
            "recall": self.recall,
            "new": self.new,
            "total": self.total,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something the model is not told, and why. `tokens` and `messages` as far as they were loaded."""

    what: str
    messages: int
    tokens: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe with the values it names, its size and predicted bill, what it left out, and the reason of each decision.

    `bound` is a size in tokens that the prompt will hardly exceed. `predicted` counts the five kinds the provider will bill, output as this lane usually answers; `cost` is its price in
    picodollars, None when the model has no known price. `fold` is a fold found undone: carry it out behind the turn.
    `import_due`: messages older than those that were loaded have no summary. `sent` is what `lanes.after_request` needs to know.
    """

    recipe: Recipe
    prompt: Prompt
    ladder: Ladder | None
    messages: tuple[Message, ...]
    recalled: tuple[Recalled, ...]
    route: Route
    estimate: Estimate
    bound: int
    predicted: Usage
    cost: int | None
    fold: Fold | None
    import_due: bool
    sent: Sent
    left_out: tuple[LeftOut, ...]
    reasons: Mapping[str, str]

    @property
    def estimated_tokens(self) -> int:
        return self.estimate.total

    def to_json(self) -> dict[str, Any]:
        """What is stored of a plan besides the recipe, and shown."""
        return {
            "estimate": self.estimate.to_json(),
            "predicted": {
                "input": self.predicted.input,
                "cache_read": self.predicted.cache_read,
                "cache_write_5m": self.predicted.cache_write_5m,
                "cache_write_1h": self.predicted.cache_write_1h,
                "output": self.predicted.output,
            },
            "cost_pico_usd": self.cost,
            "life": self.sent.lives.tail,
            "head_life": self.sent.lives.head,
            "fold": None if self.fold is None else self.fold.to_json(),
            "left_out": [
                {"what": one.what, "messages": one.messages, "tokens": one.tokens, "why": one.why}
                for one in self.left_out
            ],
            "reasons": dict(self.reasons),
        }


def plan(
    terms: Terms,
    *,
    route: Route,
    path: Sequence[Message],
    ladder: Ladder | None = None,
    recalled: Sequence[Recalled] = (),
    lane: Lane,
    service: Service,
    now: int,
    others: Sequence[Neighbour] = (),
    previous_start: str | None = None,
    user_ref: str | None = None,
    most_tokens: int | None = None,
    can_fold: bool = True,
) -> Plan:
    """What the request for the last message of `path` contains.

    `path` is the branch from just after the ladder's last message (or its newest part) to the new user message, oldest first;
    `now` the start of the request in milliseconds; `others` the thread's other lanes; `previous_start` the first window message of the turn before;
    `most_tokens` the longest prompt a budget allows; `can_fold` is False while the summariser is out of order, so that the prefix
    is cached although it ought to be folded. Raises MessageTooLarge.
    """
    fitted = _fit(terms, path, ladder, recalled, previous_start, most_tokens)
    window, ladder, recalled = fitted.window, fitted.ladder, fitted.recalled
    standing = economy(
        terms,
        lane=lane,
        messages=window.messages,
        floor=window.floor,
        ladder=ladder,
        others=others,
        now=now,
    )
    layout = lay_out(terms, window.messages, ladder, lane=lane, now=now, recalled=recalled)
    cached = breakpoints.last_written(layout.positions, lane, now)
    warm = cached is not None and cached > layout.head
    due = folding.on_arrival(
        terms,
        path=path,
        ladder=fitted.given,
        lane=lane,
        warm=warm,
        cut=window.cut,
        now=now,
        others=others,
    )
    fold = due if can_fold else None
    lives, why_lives = _lives(
        terms, standing, lane, service, now=now, warm=warm, held=_held(layout, cached, lane, now)
    )
    marks = breakpoints.place(
        layout.positions,
        lane=lane,
        now=now,
        system=0,
        ladder=layout.head if ladder is not None else None,
        newest=layout.newest,
        life=lives.tail,
        head_life=lives.head,
        minimum=terms.model.min_cacheable,
        tail=fold is None or fold.kind == "warm",
    )
    foreseen = breakpoints.forecast(
        layout.positions,
        marks,
        lane=lane,
        now=now,
        minimum=terms.model.min_cacheable,
        shared_system=0 if terms.shared_prompt and marks and lane.uses else None,
    )
    usage = foreseen.usage
    predicted = Usage(
        input=usage.input,
        cache_read=usage.cache_read,
        cache_write_5m=usage.cache_write_5m,
        cache_write_1h=usage.cache_write_1h,
        output=round(lane.output),
    )
    newest = window.messages[-1]
    estimate = _estimate(terms, window, ladder, recalled)
    recipe = Recipe(
        layout=LAYOUT,
        model=terms.model.id,
        max_tokens=terms.max_tokens,
        thinking=terms.model.thinking,
        prompt_digest=terms.prompt.digest,
        summary_id=None if ladder is None else ladder.id,
        first_message_id=window.messages[0].id,
        last_message_id=newest.id,
        recalled=tuple(RecalledRef(id=one.id, digest=one.digest, ranges=one.ranges) for one in recalled),
        breakpoints=tuple(
            Breakpoint(at=layout.positions[mark.index].at, ttl=_ttl(mark.life)) for mark in marks
        ),
        user_ref=None if terms.model.local else user_ref,
        tools=terms.tools,
        diagnose=terms.diagnose,
        previous_upstream_id=lane.upstream_id if terms.diagnose else None,
    )
    return Plan(
        recipe=recipe,
        prompt=terms.prompt,
        ladder=ladder,
        messages=window.messages,
        recalled=tuple(recalled),
        route=route,
        estimate=estimate,
        bound=ceil(estimate.total * terms.policy.safety * terms.model.token_ratio),
        predicted=predicted,
        cost=terms.prices.cost(predicted) if terms.prices.known else None,
        fold=fold,
        import_due=not folding.is_whole(path, fitted.given),
        sent=Sent(
            lives=lives,
            marks=tuple(
                Written(
                    key=layout.positions[mark.index].key,
                    tokens=layout.positions[mark.index].tokens,
                    ttl=_ttl(mark.life),
                    touched_at=now,
                )
                for mark in marks
                if layout.positions[mark.index].tokens >= terms.model.min_cacheable
            ),
            read=None if foreseen.read is None else foreseen.read.key,
            read_tokens=usage.cache_read,
            arrived=_arrived(terms, window.messages, lane),
            user_id=newest.id,
            depth=newest.depth,
            settings=terms.settings,
        ),
        left_out=fitted.left_out,
        reasons={
            "route": route.reason,
            "window": window.reason,
            "summary": "no summary yet"
            if ladder is None
            else f"stands for everything up to {ladder.upto_id}",
            "cache": why_lives,
            "system": _head_said(lives, terms),
            "breakpoints": _said(marks, fold, terms),
            "fold": "nothing to fold" if fold is None else fold.reason,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    window: Window
    ladder: Ladder | None
    given: Ladder | None
    recalled: tuple[Recalled, ...]
    left_out: tuple[LeftOut, ...]


def _fit(
    terms: Terms,
    path: Sequence[Message],
    ladder: Ladder | None,
    recalled: Sequence[Recalled],
    previous_start: str | None,
    most_tokens: int | None,
) -> _Fitted:
    """Shrink until everything fits: the window, then what was recalled, then the summary; the new message is always in."""
    policy, newest, left_out = terms.policy, path[-1], list[LeftOut]()
    hard = message_limit(terms.model, terms.prompt_tokens, terms.max_output, policy)
    needed = sum(one.tokens for one in recalled if one.needed)
    asked = newest.tokens + needed
    if asked > hard:
        raise MessageTooLarge(asked, hard)
    limit = hard
    outside = terms.prompt_tokens + policy.overhead
    for bound in (terms.prices.dearer_above(), most_tokens):
        if bound is not None:
            room = int(bound / policy.safety / terms.model.token_ratio) - outside
            if asked <= room:
                limit = min(limit, room)
    held = 0 if ladder is None else ladder.tokens
    after = None if ladder is None else ladder.upto_id
    given = ladder
    if ladder is not None and asked + held > limit:
        left_out.append(
            LeftOut(what="summary", messages=0, tokens=held, why=f"it does not fit {limit} tokens")
        )
        ladder, held = None, 0
    window = select(
        path, after=after, previous_start=previous_start, limit=limit - held - needed, policy=policy
    )
    if window.cut:
        left_out.append(
            LeftOut(
                what="window",
                messages=window.left_out,
                tokens=window.left_out_tokens,
                why=window.reason,
            )
        )
    room = limit - held - window.tokens - needed
    brought: list[Recalled] = []
    for one in recalled:
        if one.needed or one.tokens <= room:
            brought.append(one)
            room -= 0 if one.needed else one.tokens
        else:
            why = f"only {room} tokens are left"
            left_out.append(LeftOut(what=f"recall {one.id}", messages=0, tokens=one.tokens, why=why))
    return _Fitted(
        window=window, ladder=ladder, given=given, recalled=tuple(brought), left_out=tuple(left_out)
    )


def _held(layout: Layout, cached: int | None, lane: Lane, now: int) -> Life | None:
    """The life of the head (or of what of it is left) when that still lives."""
    if cached is None:
        return None
    entry = lane.holds(layout.positions[min(cached, layout.head)].key, now)
    return lane.lives.head if entry is None else entry.ttl


def _lives(
    terms: Terms,
    standing: Economy,
    lane: Lane,
    service: Service,
    *,
    now: int,
    warm: bool,
    held: Life | None,
) -> tuple[Lives, str]:
    """For how long the prefix is written. Decided only when it is written anyway; never rewritten just to change."""
    if not terms.model.min_cacheable:
        return Lives(head="none", tail="none"), "this endpoint has no prompt cache"
    if warm and lane.life != "none" and lane.settings == terms.settings:
        return lane.lives, "the cached prefix holds and is renewed by reading it"
    return best_lives(
        standing,
        outlook(lane.gaps, service, per_gap=arriving(standing), policy=terms.policy),
        kind=kind_of(now - lane.used_at) if lane.uses else None,
        uses=lane.uses,
        service_seen=service.seen,
        gaps_seen=len(lane.gaps),
        signs=terms.signs,
        held=held,
    )


def _arrived(terms: Terms, messages: Sequence[Message], lane: Lane) -> int:
    """Tokens since the lane's last user message; all of the window when that is no longer in it."""
    total = 0
    for message in reversed(messages):
        if message.id == lane.last_id:
            break
        total += message.tokens
    return terms.in_model(total)


def _estimate(terms: Terms, window: Window, ladder: Ladder | None, recalled: Sequence[Recalled]) -> Estimate:
    newest = window.messages[-1].tokens
    return Estimate(
        tools=terms.in_model(terms.tools_tokens),
        system=terms.in_model(terms.prompt_tokens - terms.tools_tokens + terms.policy.overhead),
        summary=0 if ladder is None else terms.in_model(ladder.tokens),
        window=terms.in_model(window.tokens - newest),
        recall=terms.in_model(sum(one.tokens for one in recalled)),
        new=terms.in_model(newest),
    )


def _head_said(lives: Lives, terms: Terms) -> str:
    shared = "; other threads share the system prompt" if terms.shared_prompt else ""
    return f"system prompt and summary: {NAMES[lives.head]}{shared}"


def _said(marks: Sequence[breakpoints.Mark], fold: Fold | None, terms: Terms) -> str:
    if not terms.model.min_cacheable:
        return "this endpoint has no prompt cache"
    if not marks:
        return "no marks: nothing of this prompt is worth caching"
    if fold is not None and fold.kind != "warm":
        return "only what stays the same after the fold is marked"
    return (
        f"{len(marks)} marks: what stays the same is read from the cache, and the new text becomes part of it"
    )


def _ttl(life: Life) -> Ttl:
    return "1h" if life == "1h" else "5m"
