"""A thread in hindsight: the sizes of its messages as billed, the least it could have cost, and what simpler policies would have cost.

Sizes come from the bills wherever they can: between two turns with the same prefix the prompt grew by an answer and a question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from context.audit.baselines import bill, simple_policies
from context.audit.bound import Frame, SizedTurn, bound
from context.models.pricing import PriceTable
from context.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredTurn:
    """A past turn of a branch. `model` and `at` (ms) of its request; `user` and `answer` in estimated tokens.

    prompt: tokens billed for its one call, None if there were several or they were not counted; epoch: all that the bytes before
    its window depend on; start: messages of the branch before its window; compacted: their tokens; summary: tokens of the summary;
    recalled: whether something was recalled into the prompt; answers: picodollars paid for output; floor: messages that had to be verbatim,
    None in turns from before that was stored; spared: tokens of these that could be left out.
    """

    model: str
    at: int
    user: int
    answer: int
    prompt: int | None
    epoch: str
    start: int
    compacted: int
    summary: int
    recalled: bool
    answers: int
    floor: int | None = None
    spared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """Costs in picodollars, answers as they were paid: the least possible, and each simple policy by name."""

    least: int
    simple: Mapping[str, int]


def hindsight(
    turns: Sequence[AnsweredTurn],
    *,
    tables: Mapping[str, PriceTable],
    minimums: Mapping[str, int],
    summarizer: PriceTable,
    policy: Policy,
    window: int,
) -> Hindsight:
    """What the turns of a branch could have cost. `minimums`: shortest cacheable prefix by model; `window` in messages."""
    sized, system = measured(turns)
    answers = sum(turn.answers for turn in turns)
    # Other threads may have kept a prompt of cacheable length warm: then it is never more than read.
    shared = system >= min(minimums.values(), default=0) > 0
    warm = sum(tables[turn.model].at(0).cache_read * system for turn in sized) if shared else 0
    frame = Frame(
        system=0 if shared else system,
        prices={model: table.at(0) for model, table in tables.items()},
        summarizer=summarizer.at(0),
        summary_min=policy.summary_budget // policy.summary_per_level,
        summary_max=policy.summary_budget,
        summary_budget=policy.summary_budget,
        summary_share=_share(turns, policy),
        summarizer_prompt=policy.summarizer_prompt,
        keep=policy.floor_messages,
        cap=policy.window_cap,
    )
    return Hindsight(
        least=bound(sized, frame) + warm + answers,
        simple={
            simple.name: bill(simple, sized, system=system, tables=tables, minimums=minimums) + answers
            for simple in simple_policies(window)
        },
    )


def measured(turns: Sequence[AnsweredTurn]) -> tuple[list[SizedTurn], int]:
    """The turns with the sizes their bills show, and the tokens before the first message."""
    grown: dict[int, int] = {}  # by turn: tokens of the answer before it and its own question
    for index in range(1, len(turns)):
        old, new = turns[index - 1], turns[index]
        clean = not (old.recalled or new.recalled) and old.prompt is not None and new.prompt is not None
        if clean and (old.model, old.epoch, old.start) == (new.model, new.epoch, new.start):
            assert old.prompt is not None and new.prompt is not None  # noqa: S101, PT018 - for the type checker
            if new.prompt > old.prompt:
                grown[index] = new.prompt - old.prompt
    estimated = sum(turns[index - 1].answer + turns[index].user for index in grown)
    ratio = sum(grown.values()) / estimated if estimated else 1.0
    sized = [
        SizedTurn(
            model=turn.model,
            at=turn.at,
            user=round(turn.user * ratio),
            answer=round(turn.answer * ratio),
            summary=turn.summary,
            floor=turn.floor,
            spared=round(turn.spared * ratio),
        )
        for turn in turns
    ]
    for index, tokens in grown.items():
        parts = turns[index - 1].answer + turns[index].user
        user = round(tokens * turns[index].user / parts) if parts else tokens
        sized[index] = replace(sized[index], user=user)
        sized[index - 1] = replace(sized[index - 1], answer=tokens - user)
    return sized, _system(turns, sized)


def _system(turns: Sequence[AnsweredTurn], sized: Sequence[SizedTurn]) -> int:
    """The tokens of prompts beside messages, in the turns that had neither summary nor recall: the least of them."""
    total, remainders = 0, list[int]()
    for turn, sizes in zip(turns, sized, strict=True):
        total += sizes.user
        if turn.prompt is not None and not turn.start and not turn.summary and not turn.recalled:
            remainders.append(turn.prompt - total)
        total += sizes.answer
    return max(0, min(remainders, default=0))


def _share(turns: Sequence[AnsweredTurn], policy: Policy) -> float:
    """New summary tokens per compacted token: as planned, or less where the summarizer wrote less."""
    least = policy.summary_budget // policy.summary_per_level
    shares = [turn.summary / turn.compacted for turn in turns if turn.compacted and 0 < turn.summary < least]
    return min([policy.summary_share, *shares])
