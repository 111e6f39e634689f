"""The application, played on real texts, pays what the pure engine decides for the same sizes."""

from pathlib import Path

from tests.bench.as_shipped.measured import FRAME, Played, sized
from tests.bench.economics.conversations import Conversation, Exchange
from tests.bench.economics.engine import Run, terms_of
from tests.bench.golden.conversations import conversations
from tests.bench.playing import ONE_TIER, player
from tests.bench.threads import load

TURNS = 12


async def test_the_application_pays_what_the_pure_engine_pays(tmp_path: Path) -> None:
    thread = conversations()[0].thread.first(TURNS)
    async with player(tmp_path, thread.exchanges[0].at, **ONE_TIER, titles="first_words") as playing:
        await playing.play(thread)
        ours = await Played.of(thread, playing)
    turns, request = sized(ours), ours.sent[0]
    sizes = tuple(Exchange(turn.user, turn.answer) for turn in turns)
    inputs = {"standard": terms_of("claude-sonnet-5-5", request.system)}
    pure = Run(inputs=inputs).play(Conversation("x", sizes, ("standard",) * TURNS), [*thread.gaps, 0])
    framed = (
        inputs["standard"].prices.at(0).output * FRAME * TURNS
    )  # the pure engine bills the frame of an answer, too
    assert abs(ours.total / (pure.provider.total - framed) - 1) < 0.02
    assert not ours.misses


def test_a_thread_keeps_its_texts_when_it_is_paced_anew(tmp_path: Path) -> None:
    rows = [
        f'{{"id":"t{number}","messages":[{{"id":"a","role":"user","ts":"2026-10-01T09:00:00Z","content":"Hello {number}"}}]}}\n'
        for number in range(4)
    ]
    file = tmp_path / "threads.jsonl"
    file.write_text("".join(rows))
    assert [thread.name for thread in load(file, 2)] == ["t0", "t2"]
    thread = conversations()[0].thread
    paced = thread.paced([5_000] * len(thread.gaps))
    assert paced.gaps == [5_000] * len(thread.gaps)
    assert [exchange.user for exchange in paced.exchanges] == [exchange.user for exchange in thread.exchanges]
