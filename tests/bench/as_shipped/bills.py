"""Rows of bills: threads played on one tier with default settings, over the least possible, with recall and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from context.models.catalog import lookup
from context.models.pricing import price_table, usd
from tests.bench.as_shipped.measured import FRAME, Played, least, play_all
from tests.bench.as_shipped.rows import Options, Row
from tests.bench.playing import ONE_TIER
from tests.bench.threads import Thread, load
from tests.upstream.models import find_model
from tests.upstream.tokens import count

NO_RECALL: dict[str, Any] = {"recall_tokens": 0}
SONNET = "claude-sonnet-5-5"
WINDOW = 4_000  # tokens of the uncached window that long answers are compared with


class Support:
    """Support threads of one length over the bound; recall off beside it."""

    def __init__(self, size: int, usual: int, aim: float) -> None:
        self.size, self.usual, self.aim = size, usual, aim

    def __call__(self, options: Options) -> Iterator[Row]:
        threads = support_threads(options, self.size, self.usual)
        with_recall = play_all(threads, {**ONE_TIER, **options.settings}, options.jobs)
        yield _over_least(f"support-{self.size}: bill ÷ bound", with_recall, self.aim)
        without = play_all(threads, {**ONE_TIER, **options.settings, **NO_RECALL}, options.jobs)
        yield _over_least(f"support-{self.size}, recall off: bill ÷ bound", without, None)


def support_threads(options: Options, size: int, usual: int) -> list[Thread]:
    """The support threads of a length that are played."""
    path = options.data / "support" / f"threads-{size}.jsonl.gz"
    return [thread.first(options.turns) for thread in load(path, options.threads(usual))]


def auto(options: Options) -> Iterator[Row]:
    """What routing costs, over the tier `standard` for everything."""
    threads = support_threads(options, 200, 6)
    routed = play_all(threads, {**options.settings}, options.jobs)
    single = play_all(threads, {**ONE_TIER, **options.settings}, options.jobs)
    value = sum(played.total for played in routed) / sum(played.total for played in single)
    requests = [request for played in routed for request in played.sent]
    tiers = {request.model.id for request in requests}
    shares = ", ".join(
        f"{lookup(model).label} {sum(request.model.id == model for request in requests) / len(requests):.0%}"
        for model in sorted(tiers)
    )
    yield Row(name="support-200: `auto` ÷ `standard`", value=value, aim=1.0, note=shares)


def long_answers(options: Options) -> Iterator[Row]:
    """Dollars per 1,000 turns with long answers, beside a short window without a cache."""
    path = options.data / "recall" / "beam-100K.threads.jsonl.gz"
    threads = [thread.first(options.turns) for thread in load(path, options.threads(3))]
    turns = sum(len(thread.exchanges) for thread in threads)
    all_played = play_all(threads, {**ONE_TIER, **options.settings}, options.jobs)
    scale = 1_000 / turns
    yield Row(
        name="BEAM-100K: $ per 1,000 turns",
        value=float(usd(sum(played.total for played in all_played))) * scale,
        aim=26,
        note=_split(all_played),
    )
    beside = float(usd(sum(short_window(thread) for thread in threads))) * scale
    yield Row(name=f"BEAM-100K: the same, the newest {WINDOW:,} tokens, uncached", value=beside)


def short_window(thread: Thread) -> int:
    """Picodollars of a thread on `standard` when each turn is sent the newest messages that fit `WINDOW`, never cached."""
    model, table = find_model(SONNET), price_table(SONNET, now=thread.exchanges[0].at)
    assert table is not None
    prices, total, sizes = table.at(0), 0, list[int]()
    for exchange in thread.exchanges:
        user, answer = count(exchange.user, model), count(exchange.answer, model)
        prompt, room = user, WINDOW - user
        for size in reversed(sizes):
            if size > room:
                break
            prompt, room = prompt + size, room - size
        total += prices.input * prompt + prices.output * answer
        sizes += [user + FRAME, answer + FRAME]
    return total


def _over_least(name: str, all_played: Sequence[Played], aim: float | None) -> Row:
    value = sum(played.total for played in all_played) / sum(least(played) for played in all_played)
    return Row(name=name, value=value, aim=aim, note=_split(all_played))


def _split(all_played: Sequence[Played]) -> str:
    """Who spent what, and the mean tokens of a request."""
    total = sum(played.total for played in all_played)
    turns = sum(len(played.sent) for played in all_played)
    purposes = sorted({purpose for played in all_played for purpose in played.spent})
    spent = ", ".join(
        f"{purpose} {sum(played.spent.get(purpose, 0) for played in all_played) / total:.0%}"
        for purpose in purposes
    )
    requests = [request for played in all_played for request in played.sent]
    tokens = {
        "tools": sum(request.tools for request in requests),
        "summary": sum(request.summary_tokens for request in requests),
        "window": sum(request.window_tokens for request in requests),
        "recalled": sum(request.recalled_tokens for request in requests),
    }
    sizes = ", ".join(f"{name} {size / turns:,.0f}" for name, size in tokens.items())
    misses = sum(played.misses for played in all_played)
    return (
        f"{len(all_played)} threads, {turns} turns, ${usd(total):.3f}; {spent}; tokens a turn: {sizes}; "
        f"compactions {sum(played.calls.get('summary', 0) for played in all_played)}, cache misses {misses}"
    )
