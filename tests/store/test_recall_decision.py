"""What recall decides on a turn, and why: where nothing is asked, nothing is older, nothing pays, or the summary says it already."""

from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import pytest
from sqlalchemy import Connection

from context.messages import ShortReply
from context.recall.decision import Recollection
from context.recall.policy import DEFAULT
from context.recall.render import INSTRUCTION, OPENING
from store.database import Database
from store.search.branch_index import Outlines
from store.search.recall import RecallRequest, recall
from tests.store.counting import counted
from tests.store.rows import message, thread

NOW = 1_763_640_000_000
FILLER = [f"{'ua'[n % 2]} f{n}: Something about number {n}, nothing more" for n in range(20)]
LINES = ("u m0: The bicycle chain opens with 4417", "a m1: Noted", *FILLER, "u end: x")
QUESTION = "What was the number of the bicycle chain?"


def count(words: str) -> int:
    return len(words.split())


def decide(connection: Connection, request: RecallRequest, outlines: Outlines | None = None) -> Recollection:
    return recall(connection, "ada", "t", request, count=count, outlines=outlines)


async def decided(
    database: Database, question: str = QUESTION, *, before: str = "end", value: float = 1e6, **more: object
) -> Recollection:
    """What is recalled for a question whose window begins at message `before`."""

    def read(connection: Connection) -> Recollection:
        request = RecallRequest(
            question=question, before=message(connection, before), now=NOW, cap=200, value=value
        )
        return decide(connection, replace(request, **more))  # type: ignore[arg-type]

    return await database.read(read)


@pytest.fixture
async def talk(database: Database) -> Database:
    """A thread whose first message says something that can be asked for."""
    await thread(database, "t", *LINES)
    return database


def said(recollection: Recollection) -> list[str]:
    return [block.text for block in recollection.blocks if block.text not in (OPENING, INSTRUCTION)]


async def test_what_is_worth_its_price_is_recalled_with_reasons(talk: Database) -> None:
    recollection = await decided(talk)
    decision, features = recollection.decision, recollection.features
    assert said(recollection)[0] == "1970-01-01 user: The bicycle chain opens with 4417"
    assert (decision.code, decision.value, decision.messages) == (
        "recalled",
        1_000_000,
        len(said(recollection)),
    )
    assert decision.tokens == sum(block.tokens for block in recollection.blocks)
    assert {"asks", "words_are_old"} <= set(decision.because)
    assert 0 < decision.probability < 1
    assert features is not None
    assert features.coverage > 0
    assert (features.in_window, features.answers, features.names_speaker) == (0, False, False)


async def test_without_a_limit_nobody_asks_whether_it_is_needed(talk: Database) -> None:
    recollection = await decided(talk, "bicycle chain", value=inf)
    assert said(recollection)[0].endswith("4417")
    assert (recollection.decision.probability, recollection.decision.value) == (1.0, None)
    assert (recollection.features, recollection.decision.because) == (None, ())


async def test_a_message_that_asks_nothing_reads_nothing(talk: Database) -> None:
    def read(connection: Connection) -> None:
        request = RecallRequest(
            question="Okay, great!", before=message(connection, "end"), now=NOW, cap=200, value=1e6
        )
        results: list[Recollection] = []
        assert counted(connection, lambda: results.append(decide(connection, request))) == 0
        assert (results[0].blocks, results[0].decision.code) == ((), "asks_nothing")
        assert results[0].decision.value == 1_000_000

    await talk.read(read)


async def test_where_nothing_is_older_nothing_is_recalled(talk: Database) -> None:
    for value in (1e6, inf):
        recollection = await decided(talk, before="m0", value=value)
        assert (recollection.blocks, recollection.decision.code) == ((), "nothing_older")


async def test_what_has_nothing_to_do_with_older_messages_recalls_nothing(talk: Database) -> None:
    recollection = await decided(talk, "What is the capital of Mongolia?")
    assert (recollection.blocks, recollection.decision.code) == ((), "nothing_found")
    assert "words_unknown" in recollection.decision.because


async def test_what_does_not_pay_is_not_recalled(talk: Database) -> None:
    recollection = await decided(talk, value=5)
    assert (recollection.blocks, recollection.decision.code, recollection.decision.value) == (
        (),
        "unlikely",
        5,
    )
    assert recollection.decision.probability == (await decided(talk)).decision.probability


async def test_words_that_the_window_holds_make_it_less_likely(talk: Database) -> None:
    window = ("Something else.", "The bicycle chain opens with the number I told you. Anything else?")
    elsewhere, recollection = await decided(talk), await decided(talk, window=window)
    assert recollection.features is not None
    assert (recollection.features.in_window, recollection.features.answers) == (1.0, True)
    assert recollection.decision.probability < elsewhere.decision.probability
    assert "words_in_window" in recollection.decision.because


async def test_nobody_pays_for_what_the_summary_says_already(talk: Database) -> None:
    lines = {"m0": ["The bicycle chain opens with 4417."]}
    room = count(OPENING) + 10
    recollection = await decided(talk, cap=room, summary_lines=lines)
    assert not any("4417" in block for block in said(recollection))
    other = await decided(
        talk, cap=room, summary_lines={"m1": lines["m0"], "m0": ["It was said how it opens."]}
    )
    assert any("4417" in block for block in said(other))


async def test_where_the_summary_says_all_of_it_the_decision_says_so(database: Database) -> None:
    await thread(database, "t", "u m0: The bicycle chain opens with 4417", "u end: x")
    recollection = await decided(
        database,
        "What opens the bicycle chain?",
        summary_lines={"m0": ["The bicycle chain opens with 4417."]},
    )
    assert (recollection.blocks, recollection.decision.code) == ((), "in_summary")


async def test_of_a_reply_that_the_window_holds_the_beginning_of_the_rest_comes_back(
    database: Database,
) -> None:
    beginning, rest = "It is a long story. " * 3, "The bicycle chain opens with 4417."
    await thread(
        database, "t", "u m0: Hello there", f"a m1: {beginning}{rest}", "u m2: Hm", "a m3: About the bicycle chain: no", "u m4: x"
    )  # fmt: skip

    def read(connection: Connection, short: bool) -> Recollection:
        reply = message(connection, "m1")
        reply = replace(reply, short=ShortReply(id="m1", end=len(beginning), closing="", tokens=5))
        request = RecallRequest(question=QUESTION, before=reply, now=NOW, cap=200)
        if short:
            request = replace(request, short=(reply,), behind=message(connection, "m2"))
        return decide(connection, request)

    (block,) = [text for text in said(await database.read(partial(read, short=True))) if "4417" in text]
    assert "long story" not in block, "that is in the window"
    assert not any("chain" in text for text in said(await database.read(partial(read, short=False))))


async def test_a_name_in_the_question_counts_where_messages_begin_with_names(database: Database) -> None:
    lines = [f"{'ua'[n % 2]} m{n}: {('Nora', 'Paul')[n % 2]}: hm, number {n}" for n in range(20)]
    lines[4] = "u m4: Nora: The bicycle chain opens with 4417"
    await thread(database, "t", *lines, "u end: x")
    for question, named in (("What did Nora say about the bicycle chain?", True), (QUESTION, False)):
        recollection = await decided(database, question)
        assert recollection.features is not None
        assert recollection.features.names_speaker is named
        assert ("names_speaker" in recollection.decision.because) is named


async def test_another_policy_is_followed_from_the_words_of_the_question_to_the_reach(talk: Database) -> None:
    def read(connection: Connection, **settings: Any) -> list[str]:
        request = RecallRequest(question="4417?", before=message(connection, "end"), now=NOW, cap=200)
        policy = replace(DEFAULT, **settings)
        return said(recall(connection, "ada", "t", request, count=count, policy=policy))

    whole = await talk.read(read)
    assert whole[0].endswith("4417")
    for settings in ({"reach": 21}, {"named": 0.0}):
        assert await talk.read(partial(read, **settings)) == [], settings
    assert await talk.read(partial(read, reach=22)) == whole


async def test_the_outline_of_a_thread_is_kept_by_whoever_asks_again(talk: Database) -> None:
    outlines = Outlines()

    def read(connection: Connection) -> tuple[int, int]:
        request = RecallRequest(question=QUESTION, before=message(connection, "end"), now=NOW, cap=200)
        return (
            counted(connection, lambda: decide(connection, request, outlines)),
            counted(connection, lambda: decide(connection, request, outlines)),
        )

    first, again = await talk.read(read)
    assert again < first
    assert outlines.get("ada", "t") is not None
