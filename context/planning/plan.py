"""The one entry point of the context engine: what a turn's request will contain, what it will cost, and why."""

from collections.abc import Sequence
from math import ceil

from context.cache import breakpoints
from context.cache.cache_state import Lane, Life, Lives, Sent, Written
from context.cache.cost_model import Economy
from context.cache.gap_forecast import outlook
from context.cache.global_gaps import Service
from context.cache.idle_gaps import kind_of
from context.cache.layout import Layout, lay_out
from context.cache.plan_inputs import Neighbour, Terms, arriving, economy
from context.cache.ttl_choice import NAMES, best_lives
from context.compaction import when
from context.compaction.scope import Fold
from context.messages import Message
from context.models.pricing import Ttl, Usage
from context.planning.planned import Estimate, Plan
from context.planning.trim import trim
from context.request.recipe import LAYOUT, Breakpoint, Recalled, RecalledRef, Recipe
from context.request.summary_blocks import Ladder
from context.request.window import Window
from context.routing.choice import Route


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
    can_fold: bool = True,
) -> Plan:
    """What the request for the last message of `path` contains.

    `path` is the branch from just after the ladder's last message (or its newest part) to the new user message, oldest first;
    `now` the start of the request in milliseconds; `others` the thread's other lanes; `previous_start` the first window message of the turn before;
    `can_fold` is False while the summariser is out of order, so that the prefix
    is cached although it ought to be folded. Raises MessageTooLarge.
    """
    fitted = trim(terms, path, ladder, recalled, previous_start)
    window, given, ladder, recalled = fitted.window, ladder, fitted.ladder, fitted.recalled
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
    lives, why_lives = _lives(
        terms, standing, lane, service, now=now, warm=warm, held=_held(layout, cached, lane, now)
    )
    due = when.on_arrival(
        terms,
        path=path,
        ladder=given,
        lane=lane,
        warm=warm,
        kept=lives.tail != "none",
        cut=window.cut,
        now=now,
        others=others,
    )
    fold = due if can_fold else None
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
            read_at=foreseen.read_at,
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
        outlook(
            lane.gaps,
            service,
            per_gap=arriving(standing),
            policy=terms.policy,
            uses=lane.uses,
            share=standing.share,
        ),
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
    count = "1 mark" if len(marks) == 1 else f"{len(marks)} marks"
    return f"{count}: what stays the same is read from the cache, and the new text becomes part of it"


def _ttl(life: Life) -> Ttl:
    return "1h" if life == "1h" else "5m"
