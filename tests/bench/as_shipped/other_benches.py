"""Rows that other benches and the kit's scorers produce: recall at a fixed budget, routing, token estimates, and the self-check of the cache."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.bench.as_shipped.measured import play
from tests.bench.as_shipped.rows import Options, Row
from tests.bench.kit import load as load_kit
from tests.bench.playing import ONE_TIER
from tests.bench.recall import adapter as recall_adapter
from tests.bench.routing import adapter as router
from tests.bench.threads import load, read_rows
from tests.bench.token_estimates.adapter import Estimator

BUDGET = 4_000  # tokens of window and recall together, as the kit counts them
RECALL_AIMS = {"locomo": 92, "beam-100K": 90, "beam-500K": 85, "beam-1M": 75}
SHORT = 60  # characters of a prompt
SYSTEM_PROMPT = 6_000  # characters of the made-up system prompts
LANGUAGES, KINDS = ("am", "km", "vi", "pl"), ("base64", "emoji")


def recall_at_budget(options: Options) -> Iterator[Row]:
    """The share of the evidence in 4,000 tokens of window and recall, without the application."""
    if options.kit is None:
        yield _without_kit(f"recall at {BUDGET:,} tokens")
        return
    kit = load_kit(options.kit / "context_recall.py")
    for name, aim in RECALL_AIMS.items():
        data = kit.Dataset.load(options.data / "recall", [name])
        if options.limit:
            chosen = set(list(data.threads)[: options.limit])
            data.questions = {id: row for id, row in data.questions.items() if row["thread"] in chosen}
        scores = kit.score_outputs(data, kit.run_builder(data, recall_adapter.build, (BUDGET,)))
        shares = {"": scores, ", multi_hop": [score for score in scores if score.category == "multi_hop"]}
        for label, some in shares.items():
            if some:
                yield Row(
                    name=f"{name}{label}: % of the evidence in {BUDGET:,} neutral tokens",
                    value=100 * fmean(score.recall for score in some),
                    aim=80 if label else aim,
                    at_least=True,
                    note=f"{len(some)} questions",
                )


def routing(options: Options) -> Iterator[Row]:
    """Tiers of chat turns, hard short prompts, and the mean of the sets' APGR."""
    if options.kit is None:
        yield _without_kit("routing")
        return
    kit = load_kit(options.kit / "routing.py")
    turns = list(kit.read_jsonl(options.data / "routing" / "turns.jsonl.gz"))
    tiers = {row["id"]: router.tier(row["text"], row["history"]) for row in turns}
    figures = kit.turns(turns, tiers)
    yield Row(name="tiers of chat turns: macro-F1", value=figures["macro_f1"], aim=0.95, at_least=True)
    hard = [row for row in turns if row["label"] == "complex" and len(row["text"]) < SHORT]
    right = fmean(tiers[row["id"]] == "complex" for row in hard)
    yield Row(
        name=f"hard prompts under {SHORT} characters, share sent to `complex`",
        value=right,
        aim=0.8,
        at_least=True,
        note=f"{len(hard)} prompts",
    )
    quality = list(kit.read_jsonl(options.data / "routing" / "quality.jsonl.gz"))
    table = kit.quality(quality, {row["id"]: router.score(row["prompt"], []) for row in quality})
    mean = next(row for row in table if row["set"] == "MEAN")
    sets = ", ".join(f"{row['set']} {row['apgr']:.3f}" for row in table if row is not mean)
    yield Row(name="mean APGR", value=mean["apgr"], aim=0.62, at_least=True, note=sets)


def token_errors(options: Options) -> Iterator[Row]:
    """Errors of token estimates of requests in many languages, in per cent, after twenty bills."""
    if options.kit is None:
        yield _without_kit("token estimates")
        return
    kit = load_kit(options.kit / "token_estimates.py")
    rows = list(kit.read_jsonl(options.data / "tokens" / "texts.jsonl.gz"))
    table = kit.requests_table(rows, Estimator, sorted(rows[0]["tokens"]))
    languages = next(row for row in table if row["workload"] == "many languages")
    cold = languages["cold"]
    yield Row(
        name="tokens, many languages: mean error, %",
        value=100 * languages["warm"]["mean"],
        aim=5,
        note=f"before any bill {100 * cold['mean']:.1f}",
    )
    yield Row(
        name="tokens, many languages: p99 of the error, %",
        value=100 * languages["warm"]["p99"],
        aim=20,
        note=f"before any bill {100 * cold['p99']:.1f}",
    )


def false_alarms(options: Options) -> Iterator[Row]:
    """Turns for which a cache miss was named although the provider's cache did what it should.

    Six support threads, each with a long system prompt in another language or of odd text. The simulator never loses an entry.
    """
    system_prompts = odd_texts(options.data / "tokens" / "texts.jsonl.gz")
    path = options.data / "support" / "threads-200.jsonl.gz"
    threads = [thread.first(options.turns) for thread in load(path, len(system_prompts))]
    misses, turns = dict[str, int](), 0
    for (name, text), thread in zip(system_prompts.items(), threads, strict=True):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            played = play({**ONE_TIER, **options.settings, "system_prompt_file": Path(file.name)}, thread)
        misses[name] = played.misses
        turns += len(played.sent)
    listed = ", ".join(f"{name} {count}" for name, count in misses.items())
    yield Row(
        name="false alarms of the self-check",
        value=sum(misses.values()),
        aim=0,
        note=f"of {turns} turns; by system prompt: {listed}",
    )


def _without_kit(name: str) -> Row:
    return Row(name=name, value=None, note="needs --eval")


def odd_texts(path: Path) -> dict[str, str]:
    """System prompts by name: legal text in languages and strings of machines whose tokens the simulator counts unlike other tokenizers."""
    rows = list(read_rows(path))
    chance = random.Random(1)

    def some(chosen: Sequence[dict[str, Any]]) -> str:
        texts = [row["text"] for row in chosen]
        chance.shuffle(texts)
        joined = "\n".join(texts)
        return (joined * (SYSTEM_PROMPT // max(1, len(joined)) + 1))[:SYSTEM_PROMPT]

    languages = {
        lang: [row for row in rows if row["kind"] == "prose" and row["lang"] == lang] for lang in LANGUAGES
    }
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in KINDS}
    return {name: some(chosen) for name, chosen in (languages | kinds).items()}
