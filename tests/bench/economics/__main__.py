"""The table: our bill over the least possible and over simpler policies, beside what is aimed for."""

from __future__ import annotations

import argparse
import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from context.audit.baselines import bill, simple_policies
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import Gap
from context.models.pricing import usd
from context.policy import DEFAULT
from tests.bench.economics import application
from tests.bench.economics.application import Played
from tests.bench.economics.baselines import Fixed, play
from tests.bench.economics.conversations import PATTERNS, RECORDED, START, Conversation, between, load
from tests.bench.economics.engine import MID, THREE, Run, terms_of
from tests.bench.economics.lower_bound import least_of
from tests.bench.economics.provider import Provider

# Aims as shares of: the lower bound, a fixed trigger with automatic 5m breakpoints, the best trigger and TTL found by search.
AIMS = {
    ("one", "recorded"): (1.20, 0.83, 0.85),
    ("one", "seconds"): (1.05, 0.99, 1.00),
    ("one", "minutes"): (1.12, 0.40, 0.95),
    ("one", "bursts"): (1.20, 0.83, 0.85),
    ("one", "hours"): (1.26, 0.45, 0.76),
    ("one", "days"): (1.10, 0.65, 1.04),
    ("three", "recorded"): (1.28, 0.77, None),
    ("three", "seconds"): (1.15, 0.73, None),
    ("three", "minutes"): (1.40, 0.52, None),
    ("three", "bursts"): (1.28, 0.77, None),
    ("three", "hours"): (1.28, 0.65, None),
}
MESSAGES = 40  # of the simple policies that keep so many
SURPLUSES = (0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)


@dataclass(frozen=True, slots=True)
class Job:
    """One pattern over all conversations."""

    kind: str
    pattern: str
    conversations: tuple[Conversation, ...]
    others: tuple[Conversation, ...]
    system: int
    presence: bool
    compact_first: bool
    trained: bool
    trigger: float
    real: bool = False
    recall: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    kind: str
    pattern: str
    ours: int
    least: int
    fixed: int
    best: int
    best_policy: str
    with_presence: int
    shares: dict[str, int]
    micros: float
    read: float
    folds: int
    pure: int
    simple: dict[str, int]
    longer: float


def measure(job: Job) -> Row:
    models = MID if job.kind == "one" else THREE
    inputs = {tier: terms_of(model, job.system) for tier, model in models.items()}
    watched = {tier: terms_of(model, job.system, presence=0.9) for tier, model in models.items()}
    global_gaps_by_model = trained(job, tuple(models)) if job.trained else {}
    ours = least = with_presence = folds = pure = 0
    seconds, plans, prompt, read = 0.0, 0, 0, 0
    shares: dict[str, int] = {}
    searched = {(surplus, ttl): 0 for surplus in SURPLUSES for ttl in (None, "5m", "1h")}
    fixed, longer = 0, [0, 0]
    simple: dict[str, int] = {}
    for seed, conversation in enumerate(job.conversations):
        gaps = between(conversation, job.pattern, seed)
        run = Run(
            inputs=inputs, global_gaps_by_model=dict(global_gaps_by_model), compact_first=job.compact_first
        ).play(conversation, gaps)
        seconds, plans = seconds + run.planning, plans + run.plans
        played: Provider | Played = run.provider
        if job.real:
            pure += run.provider.total
            longer[1] += run.provider.prompt_tokens
            played = application.play(conversation, gaps, system=job.system, recall=job.recall)
        ours += played.total
        longer[0] += played.prompt_tokens
        folds += played.folds if isinstance(played, Played) else run.folds
        prompt, read = prompt + played.prompt_tokens, read + played.read_tokens
        for purpose, amount in played.spent.items():
            shares[purpose] = shares.get(purpose, 0) + amount
        if job.presence:
            with_presence += (
                Run(
                    inputs=watched,
                    global_gaps_by_model=dict(global_gaps_by_model),
                    compact_first=job.compact_first,
                    presence=0.9,
                )
                .play(conversation, gaps)
                .provider.total
            )
        best_case = least_of(conversation, gaps, inputs, run.summaries, system=job.system)
        turns, answers = best_case.turns, best_case.answers
        least += best_case.bill
        shares["answers"] = shares.get("answers", 0) + answers
        for policy in simple_policies(MESSAGES):
            simple[policy.name] = (
                simple.get(policy.name, 0)
                + answers
                + bill(
                    policy,
                    turns,
                    system=job.system,
                    tables={tier: plan_inputs.prices for tier, plan_inputs in inputs.items()},
                    minimums={tier: plan_inputs.model.min_cacheable for tier, plan_inputs in inputs.items()},
                )
            )
        fixed += play(Fixed(surplus=job.trigger, ttl="5m"), inputs, conversation, gaps).total
        for surplus, ttl in searched:
            searched[surplus, ttl] += play(
                Fixed(surplus=surplus, ttl=ttl, explicit=True), inputs, conversation, gaps
            ).total
    best = min(searched, key=lambda key: searched[key])
    return Row(
        kind=job.kind,
        pattern=job.pattern,
        ours=ours,
        least=least,
        fixed=fixed,
        best=searched[best],
        best_policy=f"{best[0]}/{best[1]}",
        with_presence=with_presence,
        shares=shares,
        micros=1e6 * seconds / max(1, plans),
        read=read / max(1, prompt),
        folds=folds,
        pure=pure,
        simple=simple,
        longer=longer[0] / max(1, longer[1]),
    )


def trained(job: Job, tiers: tuple[str, ...]) -> dict[str, GlobalGaps]:
    """What the service has seen before: sixty pauses of each of twelve other threads, by model."""
    models = MID if job.kind == "one" else THREE
    global_gaps_by_model: dict[str, GlobalGaps] = {}
    for other in range(12):
        known = job.others or job.conversations
        conversation = known[other % len(known)]
        gaps = between(conversation, job.pattern, -1 - other)[:60]
        last: dict[str, int] = {}
        earlier_gaps: dict[str, tuple[Gap, ...]] = {}
        now = START
        for index, gap in enumerate(gaps):
            tier = conversation.tiers[(index + 7 * other) % len(conversation.tiers)]
            model = models[tier if len(tiers) > 1 else tiers[0]]
            if model in last:
                earlier = earlier_gaps.get(model, ())
                gap_ms = now - last[model]
                global_gaps_by_model[model] = global_gaps_by_model.get(model, GlobalGaps()).observe(
                    gap_ms, earlier, DEFAULT
                )
                earlier_gaps[model] = (*earlier, Gap(ms=gap_ms, tokens=0))
            last[model] = now
            now += gap
    return global_gaps_by_model


def show(row: Row) -> str:
    aims = AIMS.get((row.kind, row.pattern), (None, None, None))

    def ratio(other: int, aim: float | None) -> str:
        if not other:
            return " " * 13
        value = row.ours / other
        return f"{value:6.3f} ({aim if aim is not None else '-':>4})"

    context = row.ours - row.shares["answers"]
    split = " ".join(
        f"{name} {row.shares.get(name, 0) / row.ours:.0%}" for name in ("answers", "summary", "keepalive")
    )
    presence = f"{row.with_presence / row.least:6.3f}" if row.with_presence else "     -"
    base = row.least - row.shares["answers"]
    return (
        f"{'real' if row.pure else row.kind:5} {row.pattern:8} ${usd(row.ours):9.4f}  {ratio(row.least, aims[0])}  {presence}  {ratio(row.fixed, aims[1])}  "
        f"{ratio(row.best, aims[2])} {row.best_policy:>9}  context {context / max(1, base):5.2f}x  read {row.read:4.0%}  "
        f"folds {row.folds:4}  {row.micros:5.0f} us  {split}"
        + "  / simple "
        + " ".join(f"{row.ours / cost:.2f}" for cost in row.simple.values())
        + (f"  real/pure bill {row.ours / row.pure:.3f} prompt tokens {row.longer:.3f}" if row.pure else "")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--system", type=int, default=1_500)
    parser.add_argument("--patterns", default=",".join((RECORDED, *PATTERNS)))
    parser.add_argument("--kinds", default="one,three")
    parser.add_argument("--no-presence", action="store_true")
    parser.add_argument(
        "--compact-first", action="store_true", help="a turn that finds a fold undone waits for it"
    )
    parser.add_argument("--untrained", action="store_true", help="the service has seen no pauses before")
    parser.add_argument(
        "--real", action="store_true", help="besides, the real application with the simulator (one tier)"
    )
    parser.add_argument("--recall", action="store_true", help="with --real: recall older messages")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    for path in args.threads:
        chosen, others = load(path, args.limit, args.turns)
        conversations = tuple(chosen)
        turn = sum(e.user + e.answer for c in conversations for e in c.exchanges) / sum(
            len(c.exchanges) for c in conversations
        )
        print(
            f"\n{path.name}: {len(conversations)} threads, {sum(len(c.exchanges) for c in conversations)} turns of {turn:.0f} tokens"
        )
        print("simple: " + "; ".join(policy.name for policy in simple_policies(MESSAGES)))
        print("tiers gaps     our bill    / least (aim)  presence  / fixed (aim)   / searched (aim)")
        jobs = [
            Job(
                kind=kind,
                pattern=pattern,
                conversations=conversations,
                others=tuple(others),
                system=args.system,
                presence=not args.no_presence and pattern in ("bursts", RECORDED),
                compact_first=args.compact_first,
                trained=not args.untrained,
                trigger=20 * turn,
            )
            for kind in args.kinds.split(",")
            for pattern in args.patterns.split(",")
        ]
        if args.real:
            # Nobody has seen pauses before in a new database, and no turn waits for a compaction there: the pure engine plays the same.
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
            one_model = [
                replace(job, presence=False, compact_first=False, trained=False)
                for job in jobs
                if job.kind == "one"
            ]
            jobs = [job for pure in one_model for job in (pure, replace(pure, real=True, recall=args.recall))]
        if args.jobs == 1:
            for job in jobs:
                print(show(measure(job)), flush=True)
        else:
            with ProcessPoolExecutor(args.jobs) as pool:
                for row in pool.map(measure, jobs):
                    print(show(row), flush=True)


if __name__ == "__main__":
    main()
