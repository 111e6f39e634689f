"""Plan a turn's request: what it will contain, what of it is cached, what it will cost, and why. The entry point of this package.

head ...... tools and system prompt: what all threads share
floor ..... the newest messages, which are always sent verbatim
warm ...... the window, or a part of it, is in the provider's cache now
bound ..... an upper limit of the request's tokens

The steps: trim to what fits · lay the blocks out · choose cache TTLs · see whether a compaction is due · place cache breakpoints ·
forecast the bill · write the recipe · say the reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from context.cache import breakpoints
from context.cache.breakpoints import PlacedBreakpoint
from context.cache.cache_state import CacheState, CacheTtl, CacheUse, Ttls, Written
from context.cache.floor import floor_of, floor_tokens
from context.cache.gap_forecast import forecast_gaps
from context.cache.idle_gaps import kind_of
from context.cache.layout import lay_out
from context.cache.plan_inputs import BranchState, PlanInputs, arriving, cost_model
from context.cache.positions import Layout
from context.cache.prefix_sizes import counted_prefixes
from context.cache.ttl_choice import choose_ttls
from context.compaction import when
from context.compaction.levels import unchanged
from context.compaction.scope import Compaction
from context.messages import Message
from context.models.pricing import Ttl
from context.planning.planned import Estimate, Plan
from context.planning.reasons import (
    NO_CACHE,
    breakpoint_reason,
    head_reason,
    shortened_reason,
    summary_reason,
)
from context.planning.trim import Trimmed, trim
from context.request.recipe import LAYOUT, Breakpoint, Recalled, RecalledRef, Recipe
from context.request.shorten import spared_tokens
from context.request.window import Floor
from context.routing.choice import Route

# Compactions after which the summary's unchanged part is marked, as far as breakpoints are left.
AHEAD: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnInputs:
    """The turn to be planned.

    branch: the messages from just after the summary (or the newest of them) to the new user message, and the model's cache state at the
    start of the request; recalled: older messages brought back; previous_start: the first window message of the turn before; user_ref: an
    opaque id of the person for the provider; can_compact: False while the summarizer is out of order, so that the prefix is cached
    although it ought to be compacted.
    """

    route: Route
    branch: BranchState
    recalled: Sequence[Recalled] = ()
    previous_start: str | None = None
    user_ref: str | None = None
    can_compact: bool = True


def plan(inputs: PlanInputs, turn: TurnInputs) -> Plan:
    """The plan of the request that answers the last message of the turn's branch. Raises MessageTooLarge."""
    floor = floor_of(inputs, turn.branch)
    trimmed = trim(inputs, turn.branch, turn.recalled, floor, turn.previous_start)
    branch = replace(turn.branch, path=trimmed.window.messages, summary=trimmed.summary)
    layout = lay_out(inputs, branch, trimmed.recalled)
    last_written = breakpoints.last_written(layout.positions, branch.cache_state, branch.now)
    warm = last_written is not None and last_written > layout.head
    head_alive = _head_alive(branch, layout, last_written)
    ttls, ttl_reason = _ttls(inputs, turn, branch, floor, warm=warm, head_alive=head_alive)
    compaction = _compaction(inputs, turn, trimmed, floor, warm=warm, ttls=ttls)
    placed = _place(inputs, branch, layout, ttls, compaction)
    forecast = _forecast(inputs, branch, layout, placed)
    floor_messages = trimmed.window.messages[trimmed.window.floor :]
    estimate, end = _estimate(inputs, layout), layout.positions[-1]
    estimated_usage = replace(
        forecast.usage, output=round(branch.cache_state.output)
    )  # the mean answer so far
    return Plan(
        recipe=_recipe(inputs, turn, trimmed, layout, placed),
        prompt=inputs.prompt,
        instructions=inputs.instructions,
        summary=trimmed.summary,
        messages=trimmed.window.messages,
        recalled=trimmed.recalled,
        route=turn.route,
        floor=len(floor_messages),
        floor_spared=spared_tokens(floor_messages, floor, inputs.policy),
        estimate=estimate,
        bound=end.tokens + end.error + inputs.policy.overhead,
        estimated_usage=estimated_usage,
        cost=inputs.prices.cost(estimated_usage) if inputs.prices.known else None,
        compaction=compaction,
        cache_use=_cache_use(inputs, branch, layout, ttls, placed, forecast),
        left_out=trimmed.left_out,
        reasons={
            "route": turn.route.reason,
            "window": trimmed.window.reason,
            "summary": summary_reason(trimmed),
            **shortened_reason(trimmed),
            "cache": ttl_reason,
            "system": head_reason(inputs, ttls),
            "breakpoints": breakpoint_reason(inputs, placed, compaction),
            "compaction": "nothing to compact" if compaction is None else compaction.reason,
        },
    )


def _head_alive(branch: BranchState, layout: Layout, last_written: int | None) -> CacheTtl | None:
    """The TTL of the head, or of what of it is left, while that is still cached."""
    if last_written is None:
        return None
    entry = branch.cache_state.holds(layout.positions[min(last_written, layout.head)].key, branch.now)
    return branch.cache_state.ttls.head if entry is None else entry.ttl


def _ttls(
    inputs: PlanInputs,
    turn: TurnInputs,
    branch: BranchState,
    floor: Floor,
    *,
    warm: bool,
    head_alive: CacheTtl | None,
) -> tuple[Ttls, str]:
    """For how long the prefix is written, and why. Decided only when it is written anyway; never rewritten just to change."""
    cache_state = branch.cache_state
    if not inputs.model.min_cacheable:
        return Ttls(head="none", window="none"), NO_CACHE
    if warm and cache_state.window_ttl != "none" and cache_state.settings == inputs.settings:
        return cache_state.ttls, "the cached prefix is still valid, and reading renews it"
    costs = cost_model(
        inputs, branch, floor_tokens=floor_tokens(inputs, branch, floor), floor_most=floor.tokens
    )
    return choose_ttls(
        costs,
        forecast_gaps(
            cache_state.gaps,
            turn.branch.global_gaps,
            per_gap=arriving(costs),
            policy=inputs.policy,
            uses=cache_state.uses,
            share=costs.share,
        ),
        kind=kind_of(branch.now - cache_state.used_at) if cache_state.uses else None,
        uses=cache_state.uses,
        global_gaps_seen=turn.branch.global_gaps.seen,
        gaps_seen=len(cache_state.gaps),
        signs=inputs.signs,
        head_alive=head_alive,
    )


def _compaction(
    inputs: PlanInputs, turn: TurnInputs, trimmed: Trimmed, floor: Floor, *, warm: bool, ttls: Ttls
) -> Compaction | None:
    """The compaction that the turn finds due."""
    if not turn.can_compact:
        return None
    return when.on_arrival(
        inputs,
        turn.branch,
        warm=warm,
        will_be_cached=ttls.window != "none",
        cut=trimmed.window.cut,
        floor=floor,
    )


def _place(
    inputs: PlanInputs, branch: BranchState, layout: Layout, ttls: Ttls, compaction: Compaction | None
) -> tuple[PlacedBreakpoint, ...]:
    """Cache breakpoints; none in a window that a compaction behind this turn will change."""
    return breakpoints.place(
        layout,
        ttls=ttls,
        cache_state=branch.cache_state,
        now=branch.now,
        minimum=inputs.model.min_cacheable,
        window=compaction is None or compaction.kind == "warm",
        lasting=()
        if branch.summary is None
        else [layout.fixed + unchanged(branch.summary, inputs.policy, compactions=count) for count in AHEAD],
    )


def _forecast(
    inputs: PlanInputs, branch: BranchState, layout: Layout, placed: Sequence[PlacedBreakpoint]
) -> breakpoints.Forecast:
    """What the prompt is expected to be billed as."""
    return breakpoints.forecast(
        layout.positions,
        placed,
        cache_state=branch.cache_state,
        now=branch.now,
        minimum=inputs.model.min_cacheable,
        shared_system=0 if inputs.shared_prompt and placed and branch.cache_state.uses else None,
    )


def _estimate(inputs: PlanInputs, layout: Layout) -> Estimate:
    ends = [
        layout.positions[index].tokens
        for index in (0, layout.fixed, layout.head, layout.newest - 1, layout.newest, -1)
    ]
    system, fixed, head, window, newest, end = ends
    tools = min(inputs.in_model(inputs.tools_tokens), system)
    return Estimate(
        tools=tools,
        system=system - tools,
        instructions=fixed - system,
        summary=head - fixed,
        window=window - head,
        recall=end - newest,
        new=newest - window,
    )


def _recipe(
    inputs: PlanInputs,
    turn: TurnInputs,
    trimmed: Trimmed,
    layout: Layout,
    placed: Sequence[PlacedBreakpoint],
) -> Recipe:
    messages, summary = trimmed.window.messages, trimmed.summary
    return Recipe(
        layout=LAYOUT,
        model=inputs.model.id,
        max_tokens=inputs.max_tokens,
        thinking=inputs.model.thinking,
        prompt_digest=inputs.prompt.digest,
        instructions_digest=None if inputs.instructions is None else inputs.instructions.digest,
        summary_id=None if summary is None else summary.id,
        first_message_id=messages[0].id,
        last_message_id=messages[-1].id,
        recalled=tuple(
            RecalledRef(id=block.id, digest=block.digest, ranges=block.ranges) for block in trimmed.recalled
        ),
        breakpoints=tuple(
            Breakpoint(at=layout.positions[point.index].at, ttl=_stored_ttl(point.ttl)) for point in placed
        ),
        user_ref=None if inputs.model.local else turn.user_ref,
        tools=inputs.tools,
        diagnose=inputs.diagnose,
        previous_upstream_id=turn.branch.cache_state.upstream_id if inputs.diagnose else None,
    )


def _cache_use(
    inputs: PlanInputs,
    branch: BranchState,
    layout: Layout,
    ttls: Ttls,
    placed: Sequence[PlacedBreakpoint],
    forecast: breakpoints.Forecast,
) -> CacheUse:
    newest = branch.path[-1]
    marked = [(layout.positions[point.index], _stored_ttl(point.ttl)) for point in placed]
    return CacheUse(
        ttls=ttls,
        breakpoints=tuple(
            Written(key=position.key, tokens=position.tokens, ttl=ttl, touched_at=branch.now)
            for position, ttl in marked
            if position.may_reach(inputs.model.min_cacheable)
        ),
        read=None if forecast.read is None else forecast.read.key,
        read_tokens=forecast.usage.cache_read,
        arrived=_arrived(inputs, branch.path, branch.cache_state),
        user_id=newest.id,
        depth=newest.depth,
        settings=inputs.settings,
        read_at=forecast.read_at,
        tools=inputs.tools,
        summary_id=None if branch.summary is None else branch.summary.id,
        read_error=forecast.read_error,
        counted=counted_prefixes(layout, marked, forecast.read_at),
    )


def _arrived(inputs: PlanInputs, messages: Sequence[Message], cache_state: CacheState) -> int:
    """Tokens since the cache state's last user message; all of the window when that is no longer in it."""
    total = 0
    for message in reversed(messages):
        if message.id == cache_state.last_id:
            break
        total += message.tokens
    return inputs.in_model(total)


def _stored_ttl(ttl: CacheTtl) -> Ttl:
    return "1h" if ttl == "1h" else "5m"
