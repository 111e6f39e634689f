"""The least a conversation could have cost, at equal information: with the summaries the engine had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from context.audit.bound import Frame, SizedTurn, bound
from context.cache.plan_inputs import PlanInputs
from tests.bench.economics.conversations import START, Conversation


@dataclass(frozen=True, slots=True)
class Least:
    """Picodollars: the whole `bill`, and the `answers` in it. `frame` and `turns` are what the bound was asked."""

    bill: int
    answers: int
    frame: Frame
    turns: tuple[SizedTurn, ...]


def least_of(
    conversation: Conversation,
    gaps: Sequence[int],
    inputs: Mapping[str, PlanInputs],
    summaries: Sequence[int],
    floors: Sequence[int],
    spared: Sequence[int],
    *,
    system: int,
) -> Least:
    """The offline bound. `inputs` by tier, of one tier or of all; `gaps` in milliseconds; sizes in tokens."""
    only = next(iter(inputs)) if len(inputs) == 1 else None
    frame = frame_of(inputs, system=system)
    now, turns, answers = START, list[SizedTurn](), 0
    for index, exchange in enumerate(conversation.exchanges):
        tier = only or conversation.tiers[index]
        turns.append(
            SizedTurn(
                model=tier,
                at=now,
                user=exchange.user,
                answer=exchange.answer,
                summary=summaries[index],
                floor=floors[index],
                spared=spared[index],
            )
        )
        answers += inputs[tier].prices.at(0).output * exchange.answer
        now += gaps[index]
    return Least(bill=bound(turns, frame) + answers, answers=answers, frame=frame, turns=tuple(turns))


def frame_of(inputs: Mapping[str, PlanInputs], *, system: int) -> Frame:
    """What the engine's policy and prices say to the bound."""
    any_inputs = next(iter(inputs.values()))
    policy = any_inputs.policy
    return Frame(
        system=system,
        prices={tier: plan_inputs.prices.at(0) for tier, plan_inputs in inputs.items()},
        summarizer=any_inputs.summarizer.prices.at(0),
        summary_min=policy.summary_budget // policy.summary_per_level,
        summary_max=policy.summary_budget,
        summary_budget=policy.summary_budget,
        summary_share=policy.summary_share,
        summarizer_prompt=policy.summarizer_prompt,
        keep=policy.floor_messages,
        cap=policy.window_cap,
    )
