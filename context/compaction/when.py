"""Decide when the oldest messages of the window become part of the summary.

A compaction is only *planned* here. It is carried out behind a turn or while the thread is idle, becomes a new summary, and
takes effect at the next plan; a compaction that fails changes nothing. The formulas are in context/README.md ("When to compact").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from context.cache.cache_state import CacheState
from context.cache.cost_model import CostModel
from context.cache.floor import floor_of, floor_tokens
from context.cache.plan_inputs import BranchState, PlanInputs, cost_model
from context.compaction.levels import rewrite
from context.compaction.scope import Compaction, Kind, compaction_range
from context.messages import Message
from context.request.shorten import shorten
from context.request.summary_blocks import Summary
from context.request.window import Floor, from_user


def after_turn(
    inputs: PlanInputs, branch: BranchState, *, undone: Compaction | None = None
) -> Compaction | None:
    """The compaction due once a turn is finished, so that it is ready when the next one comes.

    `branch.path` ends with the answer, and the cache state is that after the turn's request. `undone`: the compaction the turn's plan found
    due; its range is extended to where the floor is now, one exchange later. Unless the window was cached then, that turn has cached
    nothing of it.
    """
    cache_state = branch.cache_state
    not_cached = undone is not None and undone.kind != "warm"
    warm = cache_state.window_ttl != "none" and branch.now < cache_state.alive_until and not not_cached
    return _due(inputs, branch, _Occasion(warm=warm, next_message=True)) or undone


def at_death(inputs: PlanInputs, branch: BranchState) -> Compaction | None:
    """The compaction due when the cached window expires while the thread is idle (timer at `cache_state.alive_until`)."""
    return _due(inputs, branch, _Occasion(warm=False, next_message=True))


def on_arrival(
    inputs: PlanInputs,
    branch: BranchState,
    *,
    warm: bool,
    will_be_cached: bool,
    cut: bool,
    floor: Floor | None = None,
) -> Compaction | None:
    """The compaction a new turn finds undone: after a restart, or in a cache state unused for long. `branch.path` ends with the new message.

    `warm`: the window is cached; `cut`: messages had to be left out of it. `will_be_cached`: this turn is going to cache the window. A small
    surplus is then written with it and compacted later: a compaction behind this turn would leave the window uncached, and the next turn
    would find a small surplus again. `floor`: the branch's, where it is known.
    """
    occasion = _Occasion(warm=warm, next_message=False, will_be_cached=will_be_cached, cut=cut)
    return _due(inputs, branch, occasion, floor)


def is_whole(path: Sequence[Message], summary: Summary | None) -> bool:
    """Whether a path holds all that no summary stands for. If not, it must be imported: `compaction_range` page by page."""
    return path[0].parent_id == (None if summary is None else summary.upto_id)


def watermark(inputs: PlanInputs, costs: CostModel, cache_state: CacheState) -> int:
    """min(L + X*, cap): the window, in tokens of the model, beyond which a cached window is compacted."""
    ttl = "5m" if cache_state.window_ttl == "none" else cache_state.window_ttl
    return int(min(costs.floor + costs.surplus(ttl), inputs.in_model(inputs.policy.window_cap)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occasion:
    """When it is asked whether a compaction is due. `next_message`: the next request brings one message more than the path has."""

    warm: bool
    next_message: bool
    will_be_cached: bool = False
    cut: bool = False


def _due(
    inputs: PlanInputs, branch: BranchState, occasion: _Occasion, limits: Floor | None = None
) -> Compaction | None:
    if not is_whole(branch.path, branch.summary):
        return None
    branch = replace(branch, path=from_user(branch.path))
    # The message that the next request brings belongs to its floor.
    limits = limits or floor_of(inputs, branch, to_come=int(occasion.next_message))
    floor = limits.index(branch.path)
    if floor == 0:
        return None
    oldest = branch.path[:floor]
    costs = cost_model(inputs, branch, floor_tokens=floor_tokens(inputs, branch, limits))
    trigger = _trigger(inputs, branch, occasion, costs, sum(message.tokens for message in oldest))
    if trigger is None:
        return None
    kind, reason = trigger
    return compaction_range(
        inputs,
        messages=oldest,
        summary=branch.summary,
        kind=kind,
        reason=reason,
        cache_state=branch.cache_state,
        shortened=shorten(branch.path[floor:], limits, inputs.policy),
        leaf_id=next((message.id for message in reversed(branch.path) if message.role == "user"), None),
    )


def _trigger(
    inputs: PlanInputs, branch: BranchState, occasion: _Occasion, costs: CostModel, surplus: int
) -> tuple[Kind, str] | None:
    """Why the surplus (tokens before the floor) is to be compacted now, as a kind and in words; None when it is not."""
    policy = inputs.policy
    window = inputs.in_model(surplus) + costs.floor
    if occasion.cut or window > inputs.in_model(policy.window_cap):
        return "overdue", f"the window of {window} tokens is above the cap of {policy.window_cap}"
    if surplus < policy.compaction_min:
        return None
    if inputs.model.local:
        return None  # nothing is billed, and a small model's summary costs more understanding than it saves
    if occasion.warm or occasion.will_be_cached:
        limit = watermark(inputs, costs, branch.cache_state)
        if window <= limit:
            return None
        if occasion.warm:
            return (
                "warm",
                f"a window of {window} tokens costs more to keep cached than to compact above {limit}",
            )
    merged = rewrite(branch.summary, surplus, policy).merged_tokens
    saved = costs.cold_compaction_saves(inputs.in_model(surplus), branch.cache_state.window_ttl, merged)
    if saved <= 0:
        return None
    return (
        "cold",
        f"the window is not cached: compacting {surplus} tokens saves ${saved / 1e12:.6f} next turn",
    )
