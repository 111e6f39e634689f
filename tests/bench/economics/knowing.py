"""What it is worth to know the next pause: a token that is in every prompt, offline against the best fixed rule.

    python -m tests.bench.economics.knowing THREADS.jsonl.gz

The rule is told the distribution of the lane's pauses, but not the next one: it chooses a life and how many renewals it tries, as
well as that can be done in hindsight over all pauses. The rest is the price of not knowing, and no policy without signs gets it back.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from context.bound import Frame, TurnTaken, lasting
from context.lanes import LIVES
from context.pauses import RENEWALS, most_renewals, rest_of
from context.policy import DEFAULT
from context.pricing import Prices
from tests.bench.economics.conversations import PATTERNS, RECORDED, load, pauses
from tests.bench.economics.engine import terms_of

LANES = (
    ("claude-sonnet-5-5", 1.0),
    ("claude-haiku-5-5", 0.55),
    ("claude-sonnet-5-5", 0.35),
    ("claude-opus-5-5", 0.1),
)
TURNS = 20_000


def between_uses(gaps: Sequence[int], share: float) -> list[int]:
    """The pauses of a lane that answers that share of the turns at random."""
    chance, found, waited = random.Random(5), list[int](), 0
    for gap in gaps:
        waited += gap
        if chance.random() < share:
            found.append(waited)
            waited = 0
    return found


def least(gaps: Sequence[int], prices: Prices) -> float:
    """Offline, in picodollars a use."""
    frame = Frame(
        system=1,
        prices={"one": prices},
        reader=prices,
        summary_least=0,
        summary_budget=0,
        summary_share=0.0,
        summariser_prompt=0,
        keep=20,
        cap=1,
    )
    at, turns = 0, [TurnTaken(lane="one", at=0, user=0, answer=0)]
    for gap in gaps:
        at += gap
        turns.append(TurnTaken(lane="one", at=at, user=0, answer=0))
    return lasting(turns, frame) / len(turns)


def told(gaps: Sequence[int], prices: Prices) -> tuple[float, str]:
    """The best rule's picodollars a use, and the rule."""
    best, name = float(prices.input), "none"
    for life in ("5m", "1h"):
        rest = rest_of(DEFAULT, life)
        for tries in RENEWALS:
            if tries > most_renewals(DEFAULT, life):
                break
            reach = rest * (tries + 1) if tries else LIVES[life]
            cost = sum(
                prices.cache_read * min(tries, gap // rest)
                + (prices.cache_read if gap < reach else prices.write(life))
                for gap in gaps
            )
            if cost / len(gaps) < best:
                best, name = cost / len(gaps), f"{life}, {tries} renewals"
    return best, name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=Path)
    args = parser.parse_args()
    chosen, others = load(args.threads, 6, 200)
    for pattern in (RECORDED, *PATTERNS):
        gaps = (
            [gap for one in (*chosen, *others) for gap in one.pauses][:TURNS]
            if pattern == RECORDED
            else pauses(pattern, TURNS, 1)
        )
        for model, share in LANES:
            prices = terms_of(model, 1_500).prices.at(0)
            lane = between_uses(gaps, share)
            low, (rule, name) = least(lane, prices), told(lane, prices)
            print(f"{pattern:9} {model:18} {share:4.0%}  told / least {rule / low:.2f}  ({name})", flush=True)


if __name__ == "__main__":
    main()
