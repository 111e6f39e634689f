"""When the oldest messages of the window become part of the summary (economics, section 6).

A compaction is only ever *planned* here. It is carried out behind a turn or while the thread rests, becomes a new summary, and
takes effect at the next plan; a compaction that fails changes nothing.
"""

from collections.abc import Sequence

from context.cache.cache_state import CacheState
from context.cache.cost_model import CostModel
from context.cache.plan_inputs import OtherModel, PlanInputs, cost_model
from context.compaction.scope import Compaction, Kind, compaction_range, rewrite
from context.messages import Message
from context.request.summary_blocks import Summary
from context.request.window import floor_index, from_user


def after_turn(
    inputs: PlanInputs,
    *,
    path: Sequence[Message],
    summary: Summary | None,
    cache_state: CacheState,
    now: int,
    others: Sequence[OtherModel] = (),
    found: Compaction | None = None,
) -> Compaction | None:
    """The compaction due once a turn is finished, so that it is ready when the next one comes.

    `path` is the branch from just after the summary to the answer; `cache state` is the cache state after the turn's request, `others` are
    the other cache states of the thread. `found`: the compaction the turn found undone. It goes on to where the floor is now, one exchange
    later; and unless the window was living, that turn has cached nothing of it.
    """
    unkept = found is not None and found.kind != "warm"
    warm = cache_state.window_ttl != "none" and now < cache_state.alive_until and not unkept
    due = _due(
        inputs,
        path=path,
        summary=summary,
        cache_state=cache_state,
        warm=warm,
        coming=True,
        now=now,
        others=others,
    )
    return due or found


def at_death(
    inputs: PlanInputs,
    *,
    path: Sequence[Message],
    summary: Summary | None,
    cache_state: CacheState,
    now: int,
    others: Sequence[OtherModel] = (),
) -> Compaction | None:
    """The compaction due when the cache state's cache dies with nobody there (timer at `cache state.alive_until`)."""
    return _due(
        inputs,
        path=path,
        summary=summary,
        cache_state=cache_state,
        warm=False,
        coming=True,
        now=now,
        others=others,
    )


def on_arrival(
    inputs: PlanInputs,
    *,
    path: Sequence[Message],
    summary: Summary | None,
    cache_state: CacheState,
    warm: bool,
    kept: bool,
    cut: bool,
    now: int,
    others: Sequence[OtherModel] = (),
) -> Compaction | None:
    """The compaction a new turn finds undone: after a restart, or on a cache state unused for long. `path` ends with the new user message.

    `kept`: whether this turn is going to cache the window. A small surplus is then written with it and compacted later, for a compaction
    behind this turn would leave it uncached, and the next one find a small surplus again.
    """
    return _due(
        inputs,
        path=path,
        summary=summary,
        cache_state=cache_state,
        warm=warm,
        kept=kept,
        coming=False,
        cut=cut,
        now=now,
        others=others,
    )


def is_whole(path: Sequence[Message], summary: Summary | None) -> bool:
    """Whether `path` holds all that no summary stands for. If not, it must be imported: `compaction_range` page by page."""
    return path[0].parent_id == (None if summary is None else summary.upto_id)


def watermark(inputs: PlanInputs, costs: CostModel, cache_state: CacheState) -> int:
    """min(L + X*, cap): the window, in tokens of the model, beyond which a living prefix is compacted."""
    ttl = "5m" if cache_state.window_ttl == "none" else cache_state.window_ttl
    return int(min(costs.floor + costs.surplus(ttl), inputs.in_model(inputs.policy.window_cap)))


def _due(
    inputs: PlanInputs,
    *,
    path: Sequence[Message],
    summary: Summary | None,
    cache_state: CacheState,
    warm: bool,
    coming: bool,
    now: int,
    others: Sequence[OtherModel],
    kept: bool = False,
    cut: bool = False,
) -> Compaction | None:
    if not is_whole(path, summary):
        return None
    policy, messages = inputs.policy, from_user(path)
    # With an answer as the newest message the next request brings one message more, which belongs to its floor.
    floor = floor_index(messages, policy.floor_messages - (1 if coming else 0), policy)
    if floor == 0:
        return None
    oldest = messages[:floor]
    surplus = sum(message.tokens for message in oldest)
    costs = cost_model(
        inputs,
        cache_state=cache_state,
        messages=messages,
        floor=floor,
        summary=summary,
        others=others,
        now=now,
    )
    window = inputs.in_model(surplus) + costs.floor
    over = window > inputs.in_model(policy.window_cap) or cut
    if not over and surplus < policy.compaction_min:
        return None

    def compaction(kind: Kind, reason: str) -> Compaction:
        leaf = next((one.id for one in reversed(messages) if one.role == "user"), None)
        return compaction_range(
            inputs,
            messages=oldest,
            summary=summary,
            kind=kind,
            reason=reason,
            cache_state=cache_state,
            leaf_id=leaf,
        )

    if over:
        return compaction("overdue", f"the window of {window} tokens has outgrown {policy.window_cap}")
    if inputs.model.local:
        return None  # nothing is billed, and a small model's summary costs more understanding than it saves
    if warm or kept:
        mark = watermark(inputs, costs, cache_state)
        if window <= mark:
            return None
    if warm:
        return compaction("warm", f"a window of {window} tokens costs more to keep than to fold above {mark}")
    merged = rewrite(summary, surplus, inputs).merged_tokens
    saved = costs.cold_compaction_saves(inputs.in_model(surplus), cache_state.window_ttl, merged)
    if saved <= 0:
        return None
    return compaction(
        "cold", f"nothing is cached: folding {surplus} tokens saves ${saved / 1e12:.6f} next turn"
    )
