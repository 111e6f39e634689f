"""What the pure engine decides over threads of sizes: bills, compactions and digests of the plans, for several pauses, models and settings.

Here a few seconds of computing cover thousands of turns: one tier and three, terse and long, with pauses of seconds to days, and the
settings that seldom change.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import product
from typing import Any

from context.cache.plan_inputs import PlanInputs
from context.models.pricing import Ttl, Usage, assumed, price, price_table
from context.planning.planned import Plan
from context.policy import DEFAULT
from tests.bench.economics.conversations import START, Conversation, Exchange, pauses
from tests.bench.economics.engine import MID, THREE, Run, signs, terms_of

TURNS = 60
SYSTEM = 900  # tokens of the system prompt
SIZES = {"terse": (40, 60), "long": (80, 900)}  # mean tokens of a user's text and of an answer
PATTERNS = ("seconds", "minutes", "bursts", "hours", "days")
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-4-5")
PROMPTS = (100, 99_999, 100_001, 250_000)  # tokens on both sides of the steps that price lists have

TTLS: tuple[Ttl, ...] = ("5m", "1h")
PRESENCE = 0.9  # of the signs of presence are right

Change = Callable[[PlanInputs], PlanInputs]
VARIANTS: dict[str, Change] = {
    "local model": lambda inputs: replace(inputs, model=replace(inputs.model, local=True, min_cacheable=0)),
    "no prompt cache": lambda inputs: replace(inputs, model=replace(inputs.model, min_cacheable=0)),
    "long cache minimum": lambda inputs: replace(inputs, model=replace(inputs.model, min_cacheable=2_048)),
    "token ratio of 1.3": lambda inputs: replace(inputs, model=replace(inputs.model, token_ratio=1.3)),
    "shared system prompt": lambda inputs: replace(inputs, shared_prompt=True),
    "prices unknown": lambda inputs: replace(inputs, prices=replace(inputs.prices, known=False)),
    "window of 4,000": lambda inputs: replace(inputs, policy=replace(DEFAULT, window_cap=4_000)),
    "no keep-alives": lambda inputs: replace(inputs, policy=replace(DEFAULT, keepalives=False)),
    "same model summarizes": lambda inputs: replace(
        inputs, summarizer=replace(inputs.summarizer, model=inputs.model.id, prices=inputs.prices)
    ),
    "diagnostics": lambda inputs: replace(inputs, diagnose=True),
}


def decisions() -> dict[str, Any]:
    """By kind of thread: picodollars by purpose, compactions, TTLs of the cached prefix, and digests of all plans."""
    usual = {
        f"{kind}, {size}, {pattern}": _decisions(models, size, pattern, lambda inputs: inputs)
        for (kind, models), size, pattern in product(
            (("one tier", MID), ("three tiers", THREE)), SIZES, PATTERNS
        )
    }
    return (
        usual
        | {
            f"{name}, {size}": _decisions(MID, size, "bursts", change)
            for name, change in VARIANTS.items()
            for size in SIZES
        }
        | {
            f"signs of presence, {size}, {pattern}": _decisions(
                MID, size, pattern, _signed, presence=PRESENCE
            )
            for size, pattern in product(SIZES, ("bursts", "hours"))
        }
    )


def _decisions(
    models: Mapping[str, str], size: str, pattern: str, change: Change, *, presence: float | None = None
) -> dict[str, Any]:
    plans: list[Plan] = []
    inputs = {tier: change(terms_of(model, SYSTEM)) for tier, model in models.items()}
    run = Run(inputs=inputs, seen=plans.append, presence=presence).play(
        _conversation(size), pauses(pattern, TURNS, 1)
    )
    return {
        "bill": run.provider.spent,
        "compactions": run.folds,
        "ttls of head/window": dict(
            Counter(f"{plan.cache_use.ttls.head}/{plan.cache_use.ttls.window}" for plan in plans)
        ),
        "compactions found due": dict(Counter(plan.compaction.kind for plan in plans if plan.compaction)),
        "plans": _digest(map(_decided, plans)),
        "reasons": _digest(plan.reasons for plan in plans),
    }


def _signed(inputs: PlanInputs) -> PlanInputs:
    return replace(inputs, signs=signs(PRESENCE))


def _conversation(size: str) -> Conversation:
    chance = random.Random(size)
    user, answer = SIZES[size]
    exchanges = tuple(
        Exchange(round(user * chance.uniform(0.3, 1.7)), round(answer * chance.uniform(0.3, 1.7)))
        for _ in range(TURNS)
    )
    tiers = tuple(chance.choices(("simple", "standard", "complex"), (55, 35, 10))[0] for _ in exchanges)
    return Conversation(size, exchanges, tiers)


def _decided(plan: Plan) -> Any:
    """What a plan decided; the request and what is remembered of it."""
    return plan.recipe, plan.to_json(), plan.bound, plan.cache_use


def _digest(values: Any) -> str:
    return sha256("\n".join(map(repr, values)).encode()).hexdigest()[:16]


def prices() -> dict[str, Any]:
    """By model, on both sides of the price steps: picodollars of requests of each kind of token, what the ledger says they cost, and the next step."""
    listed: dict[str, Any] = {}
    for model in MODELS:
        table = price_table(model, now=START)
        assert table is not None
        requests = [usage for prompt in PROMPTS for usage in _requests(prompt)]
        listed[model] = {
            "requests": [table.cost(usage) for usage in requests],
            "ledger": [str(price(model, usage)) for usage in requests],
            "dearer above": [table.dearer_above(prompt) for prompt in (0, *PROMPTS)],
            "writes": [table.at(prompt).write(ttl) for prompt in PROMPTS for ttl in TTLS],
        }
    tables = [table for model in MODELS if (table := price_table(model, now=START)) is not None]
    for known in (tables, ()):
        supposed = assumed("made-up", known)
        listed[f"made-up, beside {len(known)}"] = [
            supposed.known,
            *(supposed.cost(usage) for usage in _requests(1_000)),
        ]
    return listed | {"unknown": [price_table("made-up", now=START), price("made-up", Usage(input=1))]}


def _requests(prompt: int) -> tuple[Usage, ...]:
    """One request of each kind of token, and two of several."""
    return (
        Usage(input=prompt),
        Usage(cache_read=prompt),
        Usage(cache_write_5m=prompt),
        Usage(cache_write_1h=prompt),
        Usage(input=prompt, output=prompt),
        Usage(input=3, cache_read=prompt, cache_write_5m=7, cache_write_1h=11, output=13),
    )
