"""What a thread could have cost: least and simple policies come out by hand, with the answers as they were paid."""

from dataclasses import replace

from context.audit.hindsight import AnsweredTurn, Hindsight, hindsight
from context.models.pricing import Prices, PriceTable
from context.policy import DEFAULT

FLAT = Prices(input=100, output=500, cache_read=10, cache_write_5m=125, cache_write_1h=200)
WEEK = 604_800_000
POLICIES = (
    "full history, not cached",
    "full history, automatic 5m breakpoints",
    "last 20 messages, cut by half when full, automatic 5m breakpoints",
    "last 20 messages, oldest dropped each turn",
)


def turn(at: int = 0, *, prompt: int | None, user: int = 50, answers: int = 0) -> AnsweredTurn:
    return AnsweredTurn(
        model="one", at=at, user=user, answer=10, prompt=prompt, epoch="", start=0,
        compacted=0, summary=0, recalled=False, answers=answers,
    )  # fmt: skip


def compared(*turns: AnsweredTurn) -> Hindsight:
    table = PriceTable(model="one", steps=((0, FLAT),))
    return hindsight(
        turns, tables={"one": table}, minimums={"one": 512}, summarizer=table, policy=DEFAULT, window=20
    )


def test_one_short_question_costs_the_same_whatever_the_policy() -> None:
    one = compared(turn(prompt=150))
    assert one == Hindsight(least=150 * 100, simple=dict.fromkeys(POLICIES, 150 * 100))


def test_answers_cost_what_was_paid_for_them_whatever_the_policy() -> None:
    prompts = compared(turn(prompt=150), turn(WEEK, prompt=210))
    paid = compared(turn(prompt=150, answers=5_000), turn(WEEK, prompt=210, answers=7_000))
    assert paid.least == prompts.least + 12_000
    assert paid.simple == {name: cost + 12_000 for name, cost in prompts.simple.items()}


def test_the_least_pays_for_a_summary_as_short_as_the_summarizer_wrote_it() -> None:
    first = turn(prompt=40_100, user=40_000)
    second = replace(turn(WEEK, prompt=None, user=40_000), start=2, compacted=40_010, floor=1)
    prompts = (100 + 40_000) * 100 * 2
    call = (400 + 40_010) * 100
    assert compared(first, replace(second, summary=400)).least == prompts + call + 400 * (500 + 100)
    # Without one to go by: as much as a compaction may write, and what a summary holds just after a merge.
    assert compared(first, second).least == prompts + call + 3_600 * 500 + 1_800 * 100


def test_instructions_that_other_threads_may_have_cached_are_only_read_by_the_least() -> None:
    shared = compared(turn(prompt=1_050))
    assert shared.least == 1_000 * 10 + 50 * 100
    assert shared.simple["full history, not cached"] == 1_050 * 100
    assert shared.simple["full history, automatic 5m breakpoints"] == 1_050 * 125
