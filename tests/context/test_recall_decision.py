"""The decision of recall in codes and words, and what the summary says already."""

from math import inf

import pytest

from context.recall.asking import Manner
from context.recall.decision import Decision, Need, Recollection
from context.recall.known import in_summary
from context.recall.need import Features
from context.recall.thread import Source
from context.request.recipe import RECALL, Recalled

FACT = "The bicycle is chained behind the Ravensbourne library, combination 4417."


def source(text: str = FACT) -> Source:
    return Source(id="m1", role="user", at=0, text=text)


def block(id: str, tokens: int) -> Recalled:
    return Recalled(id=id, text="x", tokens=tokens)


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ((FACT,), True),
        (("the bicycles are chained behind Ravensbourne's library", "its combination is 4417"), True),
        (("The bicycle is chained behind the library.",), False),
        (("The combination is 4417.",), False),
        ((), False),
    ],
)
def test_a_message_is_known_where_its_lines_hold_nearly_all_it_says(
    lines: tuple[str, ...], known: bool
) -> None:
    assert in_summary(source(), {"m1": lines}) is known
    assert not in_summary(source(), {"m2": lines}), "lines of another message"


def test_a_message_that_says_nothing_or_too_much_is_not_known() -> None:
    assert not in_summary(source("ok"), {"m1": ("ok",)})
    long = FACT * 100
    assert not in_summary(source(long), {"m1": (long,)})


def test_what_was_recalled_is_counted_and_priced_without_its_headings() -> None:
    need = Need(probability=0.824, because=("asks", "words_are_old", "points"))
    made = Recollection.of([block(RECALL, 20), block("m1", 30), block("m2", 50)], 180_000.4, need, known=0)
    decision = made.priced(2_000_000).decision
    assert (decision.code, decision.messages, decision.tokens, decision.cost) == (
        "recalled",
        2,
        100,
        200_000_000,
    )
    assert decision.value == 180_000
    assert decision.words == (
        "recalled 2 messages, 100 tokens, $0.0002, because the message asks and its words stand in older messages, "
        "although it points at what was just said: 82% likely that it needs them"
    )
    assert decision.to_json() == {
        "code": "recalled",
        "probability": 0.824,
        "value_tokens": 180_000,
        "messages": 2,
        "tokens": 100,
        "cost_pico_usd": 200_000_000,
        "because": ["asks", "words_are_old", "points"],
    }
    assert "$" not in made.decision.words, "a model without a known price"


def test_nothing_has_a_reason() -> None:
    need = Need(probability=0.1)
    assert Recollection.of([], 1.0, need, known=1).decision.code == "in_summary"
    assert Recollection.of([], 1.0, need, known=0).decision.code == "unlikely"
    assert Recollection.nothing("asks_nothing", inf).decision.value is None
    assert Decision(code="asks_nothing").words == (
        "nothing recalled: the message asks nothing that older messages answer"
    )


def test_the_signs_speak_for_it_or_against_it() -> None:
    manner = Manner(marked=True, looks_back=True, reacts=True)
    assert Need.of(Features(manner=manner, words=1.0, unknown=0.2)).because == (
        "asks",
        "looks_back",
        "words_are_old",
        "reacts",
    )
    assert Need.of(Features(manner=Manner(points=True), unknown=0.9, in_window=0.6)).because == (
        "words_unknown",
        "words_in_window",
        "points",
    )
