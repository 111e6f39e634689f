"""The benchmark through the real application works, and agrees with the pure engine."""

from tests.bench.economics import application
from tests.bench.economics.conversations import Conversation, Exchange, pauses
from tests.bench.economics.engine import Run, terms_of


def test_the_application_pays_what_the_pure_engine_pays() -> None:
    count = 12
    conversation = Conversation("x", (Exchange(40, 160),) * count, ("standard",) * count)
    gaps = pauses("minutes", count, seed=1)
    ours = application.play(conversation, gaps, system=1_500)
    pure = Run(inputs={"standard": terms_of("claude-sonnet-5-5", 1_500)}).play(conversation, gaps)
    # The clock moves only once nothing is under way, so both are the same in every run and on every machine.
    assert ours.prompt_tokens == pure.provider.prompt_tokens
    assert abs(ours.total / pure.provider.total - 1) < 0.01, "summaries differ in length"
    assert not ours.shortfalls
