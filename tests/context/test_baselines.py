"""SimplePolicy policies are billed as the simulator of the Messages API bills the same prompts, and come out by hand."""

import random

import pytest

from context.audit.baselines import SimplePolicy, bill, simple_policies
from context.audit.bound import SizedTurn
from context.audit.hindsight import AnsweredTurn, measured
from context.models.pricing import PriceTable
from tests.bench.economics.conversations import PATTERNS, START, pauses
from tests.bench.economics.engine import terms_of
from tests.bench.economics.provider import Part, Provider

SONNET = terms_of("claude-sonnet-5-5", 300)
TABLES: dict[str, PriceTable] = {"one": SONNET.prices, "two": terms_of("claude-haiku-5-5", 300).prices}
MINIMUMS = {"one": 512, "two": 512}


def conversation(pattern: str, models: tuple[str, ...], count: int = 60) -> list[SizedTurn]:
    chance, now, turns = random.Random(pattern), START, []
    for gap in pauses(pattern, count, seed=4):
        sizes = chance.randint(5, 200), chance.randint(5, 600)
        turns.append(SizedTurn(model=chance.choice(models), at=now, user=sizes[0], answer=sizes[1]))
        now += gap
    return turns


def at_the_provider(policy: SimplePolicy, turns: list[SizedTurn]) -> int:
    provider, window, start = Provider(), list[tuple[str, int]](), 0
    for index, turn in enumerate(turns):
        window.append((f"u{index}", turn.user))
        if policy.most is not None and len(window) - start > policy.most:
            start = len(window) - policy.left
            start += start % 2
        parts = [
            Part("system", 300),
            Part(f"from {start}", 0),
            *(Part(name, size) for name, size in window[start:]),
        ]
        parts[-1] = Part(parts[-1].name, parts[-1].tokens, None if policy.ttl == "none" else policy.ttl)
        provider.ask(
            turn.model, TABLES[turn.model], parts, now=turn.at, minimum=512, output=0, purpose="reply"
        )
        window.append((f"a{index}", turn.answer))
    return provider.total


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("models", [("one",), ("one", "two")])
def test_the_bill_is_the_providers(pattern: str, models: tuple[str, ...]) -> None:
    turns = conversation(pattern, models)
    for policy in (*simple_policies(20), SimplePolicy(name="an hour", ttl="1h")):
        ours = bill(policy, turns, system=300, tables=TABLES, minimums=MINIMUMS)
        assert ours == at_the_provider(policy, turns), policy


def test_dropping_the_oldest_keeps_so_many() -> None:
    turns = [SizedTurn(model="one", at=START + index, user=10, answer=10) for index in range(10)]
    policy = simple_policies(4)[3]
    total = bill(policy, turns, system=0, tables=TABLES, minimums=MINIMUMS)
    # 1 message, 3, and from then on 3 of the newest 4: a window begins with a user's message.
    assert total == (1 + 3 * 9) * 10 * SONNET.prices.at(0).input


def test_a_full_window_is_cut_by_half() -> None:
    turns = [SizedTurn(model="one", at=START + index, user=10, answer=10) for index in range(10)]
    policy = simple_policies(4)[2]
    total = bill(policy, turns, system=0, tables=TABLES, minimums=MINIMUMS)
    # 1 message, 3, and the fifth is one too many: half would be 2, and a window begins with a user's message, so 1 again.
    assert total == (1 + 3) * 5 * 10 * SONNET.prices.at(0).input


def test_sizes_are_what_the_bills_tell() -> None:
    def turn(at: int, prompt: int | None, recalled: bool = False) -> AnsweredTurn:
        return AnsweredTurn(
            model="one", at=at, user=10, answer=30, prompt=prompt, epoch="", start=0,
            compacted=0, summary=0, recalled=recalled, answers=0,
        )  # fmt: skip

    sizes, system = measured([turn(1, 120), turn(2, 200), turn(3, None), turn(4, 360)])
    assert [(size.user, size.answer) for size in sizes] == [(20, 60), (20, 60), (20, 60), (20, 60)]
    assert system == 100
