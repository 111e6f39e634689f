"""No text makes a pure function work out of proportion to its length, whoever wrote it: a user, a model or a provider.

Processor time at doubling lengths; a factor of 2 is linear, 4 is quadratic. Factors do not depend on the machine, and a suspicious
one is parts_to_count again.
"""

import contextlib
import json
import os
from collections.abc import Callable
from math import inf
from time import process_time

import pytest
from starlette.datastructures import Headers

from chat.api.search import snippet
from chat.background import titles
from chat.protocols.anthropic.breakpoints import prepared
from chat.protocols.anthropic.parsed_request import parse_request
from chat.protocols.anthropic.routing import carries_thinking
from chat.protocols.anthropic.size import parts_to_count
from chat.protocols.openai.conversation import conversation_of, key_of
from chat.protocols.openai.schemas import ChatMessage
from context.compaction import answer, prompt
from context.recall.dates import ranges
from context.recall.excerpts import excerpt
from context.recall.feedback import candidates
from context.recall.instructions import is_instruction, is_preference
from context.recall.normalization import accented, normalized
from context.recall.policy import DEFAULT
from context.recall.query import Query, analyse
from context.recall.render import quoted
from context.recall.stems import english, word_stems
from context.recall.time_mentions import tells_when
from context.recall.words import vocabulary
from context.routing.complexity import assess
from context.routing.thread import EarlierMessage
from context.tokens.prior import TokenPrior
from store.search import words
from store.search.highlight import highlights
from store.search.term_index import indexed_stems
from tests import texts

NOW = 1_790_000_000_000
FIRST = 512  # characters
LAST = 400_000 if os.environ.get("PALAVER_LONG") else 20_000
LEAST = 0.003  # seconds: what takes less is taken to have taken so much
FACTOR = 3.0  # for a doubling
ROUNDS = 5
ASKED = prompt.Ask(
    system=prompt.SUMMARY, text="", max_tokens=1_000, references={"m1": "a", "m2": "b"}, budget=1_000_000
)
NOTHING = Query(weights={}, kinds={}, dates=(), first_person=False)


def parse(text: str) -> None:
    with contextlib.suppress(answer.SummaryRejected):
        answer.parse(text, ASKED, len)


def route(text: str) -> None:
    assess(text, [EarlierMessage(role="user", text=text), EarlierMessage(role="assistant", text=text)])


def best_sentences(text: str) -> None:
    weights = {english(word): 1.0 for word in sorted(vocabulary(text[:300]))[:32]}
    excerpt(text, weights, lambda sentence: len(sentence) // 4 + 1, DEFAULT)


def passed_through(text: str) -> None:
    """What is read and changed of a request of the Messages API; on a thread of its own where it is long."""
    said = [{"role": "user", "content": text[place : place + 20]} for place in range(0, len(text), 20)]
    request = {"model": "m", "max_tokens": 9, "system": text, "messages": said}
    asked = parse_request(json.dumps(request).encode())
    parts_to_count(asked)
    carries_thinking(asked)
    prepared(asked, "n", cacheable=True)


def told_whole(text: str) -> None:
    """What is read of a chat completion's request: short messages of one role after another, merged; its key."""
    answers = [
        ChatMessage(role="assistant", content=text[place : place + 20]) for place in range(0, len(text), 20)
    ]
    conversation = conversation_of([*answers, ChatMessage(role="user", content="?")])
    key_of(Headers({"idempotency-key": "k"}), "t", conversation.messages)


# What runs on the event loop looks at a bounded part of a text, so that it stays quick for the longest message.
BOUNDED: dict[str, Callable[[str], object]] = {
    "question": lambda text: analyse(text, now=NOW),
    "is_instruction": is_instruction,
    "is_preference": is_preference,
    "dates": lambda text: ranges(text, NOW),
    "excerpt": best_sentences,
    "feedback": lambda text: candidates([(1.0, text)], NOTHING),
    "routing": route,
    "query terms": words.terms,
    "title": titles.valid,
    "summary": parse,
}
LINEAR: dict[str, Callable[[str], object]] = {
    "normalized": normalized,
    "accented": accented,
    "stems": word_stems,
    "vocabulary": vocabulary,
    "tells_when": tells_when,
    "index entry": lambda text: indexed_stems(text, "user"),
    "highlights": lambda text: list(highlights(text, text[:40])),
    "fts5": words.fts5,
    "tsvector": words.tsvector,
    "token features": lambda text: TokenPrior.load().features(text),
    "quoted": quoted,
    "fence": lambda text: prompt.FENCE.sub("< ", text),
    "messages request": passed_through,
    "chat completion": told_whole,
    "snippet": lambda text: snippet(text, "fox 北京"),
}


def seconds(function: Callable[[str], object], text: str) -> float:
    """The processor time of a run."""
    begun = process_time()
    function(text)
    return process_time() - begun


def compared(function: Callable[[str], object], part: str, whole: str, most: float) -> tuple[float, float]:
    """The least processor time with either text, by turns: what else the machine does falls on both.

    Measured until `whole` takes at most `most` times as long, or ROUNDS times: on a busy machine even the least of a few times may be odd.
    """
    least = longer = inf
    for _ in range(ROUNDS):
        for _ in range(7):
            least = min(least, seconds(function, part))
            longer = min(longer, seconds(function, whole))
        if longer <= most * max(LEAST, least):
            break
    return max(LEAST, least), longer


@pytest.mark.parametrize("name", [*BOUNDED, *LINEAR])
def test_twice_the_text_takes_about_twice_the_time(name: str) -> None:
    function = {**BOUNDED, **LINEAR}[name]
    for kind in texts.NAMES:
        function(texts.text(kind, FIRST))
        length, before = FIRST, LEAST
        while length <= LAST:
            now = seconds(function, texts.text(kind, length))
            if now > FACTOR * before:
                before, now = compared(
                    function, texts.text(kind, length // 2), texts.text(kind, length), FACTOR
                )
                assert now <= FACTOR * before, f"{name}({kind}): {before:.4f} s, twice as long: {now:.4f} s"
            length, before = 2 * length, max(LEAST, now)


@pytest.mark.parametrize("kind", texts.NAMES)
def test_what_runs_on_the_event_loop_does_not_grow_with_the_largest_message(kind: str) -> None:
    part, whole = texts.text(kind, 100_000), texts.text(kind, 400_000)
    for name, function in BOUNDED.items():
        if seconds(function, whole) > 2 * LEAST:
            before, now = compared(function, part, whole, 2.0)
            assert now <= 2.0 * before, f"{name}({kind})"


def test_one_ligature_is_its_letters_but_many_are_cut() -> None:
    assert normalized("\ufdfa") == normalized("صلى الله عليه وسلم")
    assert len(normalized("\ufdfa" * 200_000)) <= 400_000
