"""A thread seen afterwards: how large its messages turned out to be, the least it could have cost, and what simpler ways cost.

Sizes come from the bills wherever they can: between two turns of one epoch the prompt grew by an answer and a question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from context.audit.baselines import bill, simple_policies
from context.audit.bound import Frame, PlayedTurn, bound
from context.models.pricing import PriceTable
from context.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredTurn:
    """A turn of a branch as it was. `cache state` and `at` (ms) of its request; `user` and `answer` in estimated tokens.

    prompt: tokens billed for its one call, None if there were several or they were not counted; epoch: all that the bytes before
    its window depend on; start: messages of the branch before its window; compacted: their tokens; summary: tokens of the summary;
    recalled: whether something was recalled into the prompt; answers: picodollars paid for output.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """Picodollars, answers as they were paid: the least possible, and each simple policy by name."""

    least: int
    simple: Mapping[str, int]


def hindsight(
    turns: Sequence[AnsweredTurn],
    *,
    tables: Mapping[str, PriceTable],
    minimums: Mapping[str, int],
    reader: PriceTable,
    policy: Policy,
    window: int,
) -> Hindsight:
    """What the turns of a branch could have cost. `minimums`: shortest cacheable prefix by cache state; `window` in messages."""
    taken, system = measured(turns)
    answers = sum(turn.answers for turn in turns)
    # Other threads may have kept a prompt of cacheable length warm: then it is never more than read.
    shared = system >= min(minimums.values(), default=0) > 0
    warm = sum(tables[turn.model].at(0).cache_read * system for turn in taken) if shared else 0
    frame = Frame(
        system=0 if shared else system,
        prices={model: table.at(0) for model, table in tables.items()},
        reader=reader.at(0),
        summary_least=round(policy.summary_budget * policy.summary_down),
        summary_most=round(policy.summary_budget * policy.summary_over),
        summary_budget=policy.summary_budget,
        summary_share=_share(turns, policy),
        summarizer_prompt=policy.summarizer_prompt,
        keep=policy.floor_messages,
        cap=policy.window_cap,
    )
    return Hindsight(
        least=bound(taken, frame) + warm + answers,
        simple={
            one.name: bill(one, taken, system=system, tables=tables, minimums=minimums) + answers
            for one in simple_policies(window)
        },
    )


def measured(turns: Sequence[AnsweredTurn]) -> tuple[list[PlayedTurn], int]:
    """The turns with the sizes their bills tell, and the tokens before the first message."""
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
    taken = [
        PlayedTurn(
            model=one.model,
            at=one.at,
            user=round(one.user * ratio),
            answer=round(one.answer * ratio),
            summary=one.summary,
        )
        for one in turns
    ]
    for index, tokens in grown.items():
        parts = turns[index - 1].answer + turns[index].user
        user = round(tokens * turns[index].user / parts) if parts else tokens
        taken[index] = replace(taken[index], user=user)
        taken[index - 1] = replace(taken[index - 1], answer=tokens - user)
    return taken, _system(turns, taken)


def _system(turns: Sequence[AnsweredTurn], taken: Sequence[PlayedTurn]) -> int:
    """What the prompts held besides messages, in the turns that had neither summary nor recall: the least of them."""
    total, found = 0, list[int]()
    for one, its in zip(turns, taken, strict=True):
        total += its.user
        if one.prompt is not None and not one.start and not one.summary and not one.recalled:
            found.append(one.prompt - total)
        total += its.answer
    return max(0, min(found, default=0))


def _share(turns: Sequence[AnsweredTurn], policy: Policy) -> float:
    """New summary tokens per compacted token: as planned, or less where the summarizer wrote less."""
    least = policy.summary_budget * policy.summary_down
    seen = [one.summary / one.compacted for one in turns if one.compacted and 0 < one.summary < least]
    return min([policy.summary_share, *seen])
