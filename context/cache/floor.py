"""How many of the newest messages stay verbatim in this thread: as many as are worth their price.

The formula and its symbols are in context/README.md ("The floor").
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Final

from context.cache.cache_state import TTL_MS, CacheState
from context.cache.cost_model import CostModel
from context.cache.global_gaps import MIDDLES, GlobalGaps, bucket_of
from context.cache.pauses import most_renewals, usable_ttl
from context.cache.plan_inputs import BranchState, PlanInputs, cost_model
from context.models.pricing import Ttl
from context.policy import Policy
from context.request.shorten import kept_tokens
from context.request.window import Floor

STORED: Final[tuple[Ttl, ...]] = ("5m", "1h")


def floor_of(inputs: PlanInputs, branch: BranchState, *, to_come: int = 0) -> Floor:
    """The floor of a branch. `to_come` as in `Floor`."""
    policy = inputs.policy
    floor = Floor(
        messages=policy.floor_messages,
        exchanges=policy.floor_exchanges,
        tokens=policy.floor_tokens,
        room=policy.window_cap * policy.floor_share,
        to_come=to_come,
    )
    sizes = [message.tokens for message in branch.path[-policy.floor_messages - 2 :]]
    if sum(sizes) <= policy.floor_tokens:
        return floor  # terse talk: nothing to decide
    least = sum(message.whole_tokens for message in branch.path[floor.least.index(branch.path) :])
    tokens = worth(inputs, branch, least=least) / inputs.model.token_ratio
    return replace(floor, tokens=max(policy.floor_tokens, tokens))


def floor_tokens(inputs: PlanInputs, branch: BranchState, floor: Floor) -> int:
    """What the floor would hold behind a compaction: its long replies shortened."""
    return kept_tokens(branch.path[floor.index(branch.path) :], floor, inputs.policy)


def worth(inputs: PlanInputs, branch: BranchState, *, least: int) -> float:
    """The tokens whose price per turn is the policy's share of what the turn costs besides. `least`: what the least floor holds.

    Over all models that answer in the thread, each with its share of the turns.
    """
    turn = token = 0.0
    for model_inputs, cache_state in ((inputs, branch.cache_state), *branch.others):
        alone = replace(branch, cache_state=cache_state, others=())
        costs = cost_model(model_inputs, alone, floor_tokens=least)
        price = token_price(model_inputs, cache_state, costs, branch.global_gaps)
        answer = cache_state.output if cache_state.uses else costs.turn
        share = costs.share if branch.others else 1.0
        token += share * price
        turn += share * (costs.prices.output * answer + price * (costs.system + costs.summary))
    return inputs.policy.floor_price_share * turn / token if token else inf


def token_price(
    inputs: PlanInputs, cache_state: CacheState, costs: CostModel, global_gaps: GlobalGaps
) -> float:
    """What a token that stays in the window costs per use of the model, in picodollars, under the cheapest TTL.

    It is read, renewed or written anew with every idle gap, and written anew with every compaction.
    """
    prices, policy = costs.prices, inputs.policy
    if not inputs.model.min_cacheable:
        return float(prices.input)
    gaps = _gaps(cache_state, global_gaps, policy)
    best = float(prices.input)
    for ttl in STORED:
        write, read, usable = prices.write(ttl), prices.cache_read, usable_ttl(policy, ttl)
        anew = (write - read) * costs.compactions_per_use(costs.surplus(ttl))
        # A renewal more than these would cost more than writing the token again.
        most = min(most_renewals(policy, ttl), max(0, write - read) // max(1, read))
        for renewals in sorted({0, most}):
            reach = usable * (renewals + 1) if renewals else TTL_MS[ttl]
            mean = sum(
                weight * (read * min(renewals, ms // usable) + (read if ms < reach else write))
                for ms, weight in gaps
            )
            best = min(best, anew + mean)
    return best


def _gaps(cache_state: CacheState, global_gaps: GlobalGaps, policy: Policy) -> Sequence[tuple[int, float]]:
    """The idle gaps to expect in the long run, in milliseconds, each with its share: the model's own and those of all threads."""
    prior = global_gaps.weight(policy)
    weights = [prior * share for share in global_gaps.shares(None)]
    age_factor = 0.5 ** (1 / policy.gap_half_life)
    weight = 1.0
    for gap in cache_state.gaps[:-61:-1]:
        weights[bucket_of(gap.ms)] += weight
        weight *= age_factor
    total = sum(weights)
    return [(ms, weight / total) for ms, weight in zip(MIDDLES, weights, strict=True) if weight]
