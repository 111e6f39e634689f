"""What it is worth to know the next pause: a token that is in every prompt, offline against the best fixed rule.

    python -m tests.bench.economics.known_gaps THREADS.jsonl.gz [--limit 6] [--turns 200]

The rule is told the distribution of the cache state's pauses, but not the next one: it chooses a life and how many renewals it tries, as
well as that can be done in hindsight over all pauses. The rest is the price of not knowing, and no policy without signs gets it back.

From that follows a floor under the whole bill of such a policy: the least bill, with the system prompt and the summary, which are in every
prompt, at the rule's price. Answers, windows and the summarizer's calls stand in it as if every pause had been known.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from context.audit.bound import SizedTurn, lasting
from context.cache.cache_state import TTL_MS
from context.cache.pauses import usable_ttl
from context.cache.plan_inputs import PlanInputs
from context.models.pricing import Prices
from context.policy import DEFAULT
from tests.bench.economics.conversations import PATTERNS, RECORDED, Conversation, between, load, pauses
from tests.bench.economics.engine import MID, THREE, Run, terms_of
from tests.bench.economics.lower_bound import frame_of, least_of

SYSTEM = 1_500
MOST_TRIES = 61  # renewals: more cost more than writing anew
SHARES = {"one": {"standard": 1.0}, "three": {"simple": 0.55, "standard": 0.35, "complex": 0.1}}
MODELS = {"one": MID, "three": THREE}
TURNS = 20_000


def between_uses(gaps: Sequence[int], share: float) -> list[int]:
    """The pauses of a cache state that answers that share of the turns at random."""
    chance, waits, waited = random.Random(5), list[int](), 0
    for gap in gaps:
        waited += gap
        if chance.random() < share:
            waits.append(waited)
            waited = 0
    return waits


def least(gaps: Sequence[int], inputs: Mapping[str, PlanInputs], tier: str) -> float:
    """Offline, in picodollars a use."""
    at, turns = 0, [SizedTurn(model=tier, at=0, user=0, answer=0)]
    for gap in gaps:
        at += gap
        turns.append(SizedTurn(model=tier, at=at, user=0, answer=0))
    return lasting(turns, frame_of(inputs, system=1))[-1] / len(turns)


def best_rule(gaps: Sequence[int], prices: Prices, uses: float) -> tuple[float, str]:
    """The best rule's picodollars a use, and the rule; after so many uses a thread ends, and renewals are tried for in vain."""
    best, name = float(prices.input), "none"
    for ttl in ("5m", "1h"):
        rest = usable_ttl(DEFAULT, ttl)
        for tries in range(MOST_TRIES):
            reach = rest * (tries + 1) if tries else TTL_MS[ttl]
            cost = sum(
                prices.cache_read * min(tries, gap // rest)
                + (prices.cache_read if gap < reach else prices.write(ttl))
                for gap in gaps
            )
            mean = cost / len(gaps) + prices.cache_read * tries / uses
            if mean < best:
                best, name = mean, f"{ttl}, {tries} renewals"
    return best, name


def floor(
    conversations: Sequence[Conversation],
    pattern: str,
    inputs: Mapping[str, PlanInputs],
    dearer: Mapping[str, float],
) -> float:
    """What the least bill comes to, as a multiple, when what is in every prompt costs that much more per tier."""
    whole = more = 0.0
    for seed, conversation in enumerate(conversations):
        gaps = between(conversation, pattern, seed)
        run = Run(inputs=dict(inputs), compact_first=True).play(conversation, gaps)
        best = least_of(conversation, gaps, inputs, run.summaries, run.floors, run.spared, system=SYSTEM)
        whole += best.bill
        for tier in inputs:
            uses = [turn for turn in best.turns if turn.model == tier]
            running = lasting(uses, best.frame)
            for index, turn in enumerate(uses):
                step = running[index + 1] - running[index]
                more += (dearer[tier] - 1) * step * (SYSTEM + turn.summary)
    return 1 + more / whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=Path)
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--patterns", default=",".join((RECORDED, *PATTERNS)))
    args = parser.parse_args()
    chosen, others = load(args.threads, args.limit, args.turns)
    turns = sum(len(conversation.exchanges) for conversation in chosen) / len(chosen)
    for pattern in args.patterns.split(","):
        gaps = (
            [gap for conversation in (*chosen, *others) for gap in conversation.pauses][:TURNS]
            if pattern == RECORDED
            else pauses(pattern, TURNS, 1)
        )
        for kind, shares in SHARES.items():
            inputs = {tier: terms_of(model, SYSTEM) for tier, model in MODELS[kind].items()}
            dearer = dict[str, float]()
            for tier, share in shares.items():
                model = between_uses(gaps, share)
                rule, name = best_rule(model, inputs[tier].prices.at(0), share * turns)
                dearer[tier] = max(1.0, rule / least(model, inputs, tier))
                print(
                    f"{pattern:9} {tier:9} {share:4.0%}  told / least {dearer[tier]:.2f}  ({name})",
                    flush=True,
                )
            print(
                f"{pattern:9} {kind:9}       no bill below {floor(chosen, pattern, inputs, dearer):.2f} of the least",
                flush=True,
            )


if __name__ == "__main__":
    main()
