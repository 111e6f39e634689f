"""The bills of the application beside the least possible and simpler policies, for pauses of several kinds.

python -m tests.bench.economics THREADS.jsonl.gz [--limit 2] [--turns 60] [--patterns seconds,minutes] [--tier auto]

Whole threads of real texts through the real application (`tests/bench/playing.py`), default settings, on the threads' own timestamps or with
made-up pauses. The other policies are billed by the simulator's cache accounting over the same sizes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from context.audit.baselines import bill, simple_policies
from context.cache.plan_inputs import PlanInputs
from context.models.pricing import usd
from tests.bench.as_shipped.measured import FRAME, Played, answers, inputs_of, least, play, sized
from tests.bench.economics import baselines
from tests.bench.economics.baselines import Fixed
from tests.bench.economics.conversations import PATTERNS, RECORDED, Conversation, Exchange, pauses
from tests.bench.playing import ONE_TIER, each
from tests.bench.threads import Thread, load

MESSAGES = 40  # of the simple policies that keep so many
SURPLUSES = (0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
TTLS = (None, "5m", "1h")
TRIGGER = 20  # turns of surplus at which the fixed trigger compacts


@dataclass(slots=True)
class Bills:
    """Picodollars of the same threads: ours, the least, a fixed trigger, triggers and TTLs to be searched, simple policies."""

    ours: int = 0
    least: int = 0
    fixed: int = 0
    searched: dict[tuple[int, str | None], int] = field(default_factory=dict)
    simple: dict[str, int] = field(default_factory=dict)
    read: list[float] = field(default_factory=list)

    def add(self, played: Played) -> None:
        """One more thread."""
        inputs, turns, gaps = inputs_of(played), sized(played), [*played.thread.gaps, 0]
        conversation = _sizes(played)
        self.ours += played.total
        self.least += least(played)
        trigger = TRIGGER * fmean(turn.user + turn.answer for turn in turns)
        self.fixed += _policy(Fixed(surplus=trigger, ttl="5m"), inputs, conversation, gaps)
        for key in ((surplus, ttl) for surplus in SURPLUSES for ttl in TTLS):
            policy = Fixed(surplus=key[0], ttl=key[1], explicit=True)
            self.searched[key] = self.searched.get(key, 0) + _policy(policy, inputs, conversation, gaps)
        for simple in simple_policies(MESSAGES):
            prompts = bill(
                simple,
                turns,
                system=played.sent[0].system,
                tables={tier: plan_inputs.prices for tier, plan_inputs in inputs.items()},
                minimums={tier: plan_inputs.model.min_cacheable for tier, plan_inputs in inputs.items()},
            )
            self.simple[simple.name] = self.simple.get(simple.name, 0) + prompts + answers(played)

    def row(self, pattern: str) -> str:
        """A row of the table."""
        best = min(self.searched, key=lambda key: self.searched[key])
        simple = " / ".join(f"{self.ours / cost:.2f}" for cost in self.simple.values())
        return (
            f"| {pattern} | {usd(self.ours):.4f} | {self.ours / self.least:.2f} | {self.ours / self.fixed:.2f} "
            f"| {self.ours / self.searched[best]:.2f} ({best[0]}, {best[1]}) | {simple} |"
        )


def _sizes(played: Played) -> Conversation:
    turns = sized(played)
    return Conversation(
        played.thread.name,
        tuple(Exchange(turn.user, turn.answer - FRAME) for turn in turns),
        tuple(turn.model for turn in turns),
    )


def _policy(
    policy: Fixed, inputs: Mapping[str, PlanInputs], conversation: Conversation, gaps: Sequence[int]
) -> int:
    return baselines.play(policy, dict(inputs), conversation, gaps).total


def paced(thread: Thread, pattern: str, seed: int) -> Thread:
    """The thread with the pauses of a pattern, its own when the recorded ones are wanted."""
    return thread if pattern == RECORDED else thread.paced(pauses(pattern, len(thread.exchanges) - 1, seed))


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("threads", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=2)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--patterns", default=",".join((RECORDED, *PATTERNS)))
    parser.add_argument("--tier", choices=("standard", "auto"), default="standard")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    settings: dict[str, Any] = dict(ONE_TIER) if args.tier == "standard" else {}
    names = " / ".join(policy.name for policy in simple_policies(MESSAGES))
    for path in args.threads:
        threads = [thread.first(args.turns) for thread in load(path, args.limit)]
        print(f"\n{path.name}: {len(threads)} threads of at most {args.turns} turns, {args.tier}")
        print(f"| pauses | $ | / least | / fixed trigger | / searched (surplus, TTL) | / {names} |")
        print("|---|---:|---:|---:|---:|---:|")
        for pattern in args.patterns.split(","):
            bills = Bills()
            chosen = [paced(thread, pattern, seed) for seed, thread in enumerate(threads)]
            for played in each(partial(play, settings), chosen, args.jobs):
                bills.add(played)
            print(bills.row(pattern), flush=True)


if __name__ == "__main__":
    main()
