"""The one entry point of the context engine: what a turn's request will contain, what it will cost, and why."""

from collections.abc import Sequence
from math import ceil

from context.cache import breakpoints
from context.cache.cache_state import CacheState, CacheTtl, Sent, Ttls, Written
from context.cache.cost_model import CostModel
from context.cache.gap_forecast import forecast_gaps
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import kind_of
from context.cache.layout import Layout, lay_out
from context.cache.plan_inputs import OtherModel, PlanInputs, arriving, cost_model
from context.cache.ttl_choice import NAMES, choose_ttls
from context.compaction import when
from context.compaction.scope import Compaction
from context.messages import Message
from context.models.pricing import Ttl, Usage
from context.planning.planned import Estimate, Plan
from context.planning.trim import trim
from context.request.recipe import LAYOUT, Breakpoint, Recalled, RecalledRef, Recipe
from context.request.summary_blocks import Summary
from context.request.window import Window
from context.routing.choice import Route


def plan(
    inputs: PlanInputs,
    *,
    route: Route,
    path: Sequence[Message],
    summary: Summary | None = None,
    recalled: Sequence[Recalled] = (),
    cache_state: CacheState,
    global_gaps: GlobalGaps,
    now: int,
    others: Sequence[OtherModel] = (),
    previous_start: str | None = None,
    user_ref: str | None = None,
    can_compact: bool = True,
) -> Plan:
    """What the request for the last message of `path` contains.

    `path` is the branch from just after the summary's last message (or its newest part) to the new user message, oldest first;
    `now` the start of the request in milliseconds; `others` the thread's other cache states; `previous_start` the first window message of the turn before;
    `can_compact` is False while the summarizer is out of order, so that the prefix
    is cached although it ought to be compacted. Raises MessageTooLarge.
    """
    fitted = trim(inputs, path, summary, recalled, previous_start)
    window, given, summary, recalled = fitted.window, summary, fitted.summary, fitted.recalled
    costs = cost_model(
        inputs,
        cache_state=cache_state,
        messages=window.messages,
        floor=window.floor,
        summary=summary,
        others=others,
        now=now,
    )
    layout = lay_out(inputs, window.messages, summary, cache_state=cache_state, now=now, recalled=recalled)
    cached = breakpoints.last_written(layout.positions, cache_state, now)
    warm = cached is not None and cached > layout.head
    ttls, why_ttls = _ttls(
        inputs,
        costs,
        cache_state,
        global_gaps,
        now=now,
        warm=warm,
        held=_held(layout, cached, cache_state, now),
    )
    due = when.on_arrival(
        inputs,
        path=path,
        summary=given,
        cache_state=cache_state,
        warm=warm,
        kept=ttls.tail != "none",
        cut=window.cut,
        now=now,
        others=others,
    )
    compaction = due if can_compact else None
    cache_breakpoints = breakpoints.place(
        layout.positions,
        cache_state=cache_state,
        now=now,
        system=0,
        summary=layout.head if summary is not None else None,
        newest=layout.newest,
        ttl=ttls.tail,
        head_ttl=ttls.head,
        minimum=inputs.model.min_cacheable,
        tail=compaction is None or compaction.kind == "warm",
    )
    forecast = breakpoints.forecast(
        layout.positions,
        cache_breakpoints,
        cache_state=cache_state,
        now=now,
        minimum=inputs.model.min_cacheable,
        shared_system=0 if inputs.shared_prompt and cache_breakpoints and cache_state.uses else None,
    )
    usage = forecast.usage
    estimated_usage = Usage(
        input=usage.input,
        cache_read=usage.cache_read,
        cache_write_5m=usage.cache_write_5m,
        cache_write_1h=usage.cache_write_1h,
        output=round(cache_state.output),
    )
    newest = window.messages[-1]
    estimate = _estimate(inputs, window, summary, recalled)
    recipe = Recipe(
        layout=LAYOUT,
        model=inputs.model.id,
        max_tokens=inputs.max_tokens,
        thinking=inputs.model.thinking,
        prompt_digest=inputs.prompt.digest,
        summary_id=None if summary is None else summary.id,
        first_message_id=window.messages[0].id,
        last_message_id=newest.id,
        recalled=tuple(RecalledRef(id=one.id, digest=one.digest, ranges=one.ranges) for one in recalled),
        breakpoints=tuple(
            Breakpoint(at=layout.positions[cache_breakpoint.index].at, ttl=_ttl(cache_breakpoint.ttl))
            for cache_breakpoint in cache_breakpoints
        ),
        user_ref=None if inputs.model.local else user_ref,
        tools=inputs.tools,
        diagnose=inputs.diagnose,
        previous_upstream_id=cache_state.upstream_id if inputs.diagnose else None,
    )
    return Plan(
        recipe=recipe,
        prompt=inputs.prompt,
        summary=summary,
        messages=window.messages,
        recalled=tuple(recalled),
        route=route,
        estimate=estimate,
        bound=ceil(estimate.total * inputs.policy.safety * inputs.model.token_ratio),
        estimated_usage=estimated_usage,
        cost=inputs.prices.cost(estimated_usage) if inputs.prices.known else None,
        compaction=compaction,
        sent=Sent(
            ttls=ttls,
            cache_breakpoints=tuple(
                Written(
                    key=layout.positions[cache_breakpoint.index].key,
                    tokens=layout.positions[cache_breakpoint.index].tokens,
                    ttl=_ttl(cache_breakpoint.ttl),
                    touched_at=now,
                )
                for cache_breakpoint in cache_breakpoints
                if layout.positions[cache_breakpoint.index].tokens >= inputs.model.min_cacheable
            ),
            read=None if forecast.read is None else forecast.read.key,
            read_tokens=usage.cache_read,
            arrived=_arrived(inputs, window.messages, cache_state),
            user_id=newest.id,
            depth=newest.depth,
            settings=inputs.settings,
            read_at=forecast.read_at,
        ),
        left_out=fitted.left_out,
        reasons={
            "route": route.reason,
            "window": window.reason,
            "summary": "no summary yet"
            if summary is None
            else f"stands for everything up to {summary.upto_id}",
            "cache": why_ttls,
            "system": _head_said(ttls, inputs),
            "breakpoints": _said(cache_breakpoints, compaction, inputs),
            "compaction": "nothing to compact" if compaction is None else compaction.reason,
        },
    )


def _held(layout: Layout, cached: int | None, cache_state: CacheState, now: int) -> CacheTtl | None:
    """The life of the head (or of what of it is left) when that still lives."""
    if cached is None:
        return None
    entry = cache_state.holds(layout.positions[min(cached, layout.head)].key, now)
    return cache_state.ttls.head if entry is None else entry.ttl


def _ttls(
    inputs: PlanInputs,
    costs: CostModel,
    cache_state: CacheState,
    global_gaps: GlobalGaps,
    *,
    now: int,
    warm: bool,
    held: CacheTtl | None,
) -> tuple[Ttls, str]:
    """For how long the prefix is written. Decided only when it is written anyway; never rewritten just to change."""
    if not inputs.model.min_cacheable:
        return Ttls(head="none", tail="none"), "this endpoint has no prompt cache"
    if warm and cache_state.window_ttl != "none" and cache_state.settings == inputs.settings:
        return cache_state.ttls, "the cached prefix holds and is renewed by reading it"
    return choose_ttls(
        costs,
        forecast_gaps(
            cache_state.gaps,
            global_gaps,
            per_gap=arriving(costs),
            policy=inputs.policy,
            uses=cache_state.uses,
            share=costs.share,
        ),
        kind=kind_of(now - cache_state.used_at) if cache_state.uses else None,
        uses=cache_state.uses,
        global_gaps_seen=global_gaps.seen,
        gaps_seen=len(cache_state.gaps),
        signs=inputs.signs,
        held=held,
    )


def _arrived(inputs: PlanInputs, messages: Sequence[Message], cache_state: CacheState) -> int:
    """Tokens since the cache state's last user message; all of the window when that is no longer in it."""
    total = 0
    for message in reversed(messages):
        if message.id == cache_state.last_id:
            break
        total += message.tokens
    return inputs.in_model(total)


def _estimate(
    inputs: PlanInputs, window: Window, summary: Summary | None, recalled: Sequence[Recalled]
) -> Estimate:
    newest = window.messages[-1].tokens
    return Estimate(
        tools=inputs.in_model(inputs.tools_tokens),
        system=inputs.in_model(inputs.prompt_tokens - inputs.tools_tokens + inputs.policy.overhead),
        summary=0 if summary is None else inputs.in_model(summary.tokens),
        window=inputs.in_model(window.tokens - newest),
        recall=inputs.in_model(sum(one.tokens for one in recalled)),
        new=inputs.in_model(newest),
    )


def _head_said(ttls: Ttls, inputs: PlanInputs) -> str:
    shared = "; other threads share the system prompt" if inputs.shared_prompt else ""
    return f"system prompt and summary: {NAMES[ttls.head]}{shared}"


def _said(
    cache_breakpoints: Sequence[breakpoints.PlacedBreakpoint],
    compaction: Compaction | None,
    inputs: PlanInputs,
) -> str:
    if not inputs.model.min_cacheable:
        return "this endpoint has no prompt cache"
    if not cache_breakpoints:
        return "no marks: nothing of this prompt is worth caching"
    if compaction is not None and compaction.kind != "warm":
        return "only what stays the same after the compaction is cached"
    count = "1 mark" if len(cache_breakpoints) == 1 else f"{len(cache_breakpoints)} marks"
    return f"{count}: what stays the same is read from the cache, and the new text becomes part of it"


def _ttl(ttl: CacheTtl) -> Ttl:
    return "1h" if ttl == "1h" else "5m"
