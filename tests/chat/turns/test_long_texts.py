"""Long texts are counted on threads: the event loop never stands still for one, whoever wrote it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chat.runtime.token_sizes import LONG, Sizes
from context.tokens.exact import ExactTokenizer
from context.tokens.prior import TokenPrior
from tests import texts
from tests.chat.talk import condensed, search, summarises, talk
from tests.context.public_tokenizers import file
from tests.upstream import Reply

WORDS = texts.text("latin", 100_000).strip()


class Watch:
    """The lengths of the texts whose tokens were counted, by where: on the event loop or on another thread."""

    def __init__(self) -> None:
        self.on_loop: list[int] = []
        self.elsewhere: list[int] = []

    def see(self, text: str) -> None:
        on_loop = threading.current_thread() is threading.main_thread()
        (self.on_loop if on_loop else self.elsewhere).append(len(text))


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    watch = Watch()
    for reader in (TokenPrior, ExactTokenizer):
        original: Any = reader.features

        def features(self: object, text: str, original: Any = original) -> object:
            watch.see(text)
            return original(self, text)

        monkeypatch.setattr(reader, "features", features)
    yield watch
    monkeypatch.undo()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with watching(monkeypatch) as watch:
        yield watch


@pytest.fixture(params=["estimated", "exact"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Settings under which tokens are estimated, or counted by a public tokenizer."""
    if request.param == "estimated":
        return {}
    path = tmp_path / "tokenizer.json"
    path.write_bytes(file("byte-level"))
    return {"tokenizer": path}


async def test_a_long_question_and_a_long_answer(
    tmp_path: Path, settings: dict[str, Any], watch: Watch
) -> None:
    async with talk(tmp_path, **settings) as conversation:
        conversation.sim.respond(lambda request: Reply(text=WORDS[::-1], thinking="", chunk=5_000))
        turn = await conversation.say(WORDS)
        assert turn["status"] == "completed"
        await conversation.say("And in short?")
        await conversation.app.regenerate(conversation.thread, turn["message_id"])
        await conversation.settled()
    assert max(watch.on_loop) <= LONG
    assert max(watch.elsewhere) >= len(WORDS)


async def test_a_long_text_is_counted_once(tmp_path: Path, watch: Watch) -> None:
    async with talk(tmp_path, recall_tokens=0) as conversation:
        await conversation.say(WORDS)
        await conversation.say("And in short?")
    assert watch.elsewhere.count(len(WORDS)) == 1


async def test_a_message_that_is_refused_for_its_length(tmp_path: Path, watch: Watch) -> None:
    async with talk(tmp_path) as conversation:
        body = {"input": {"text": texts.text("devanagari", 200_000)}, "model": "simple"}
        answer = await conversation.app.http.post("/api/threads/t/turns", json=body)
        assert answer.status_code in (202, 413)
        await conversation.settled()
    assert max(watch.on_loop) <= LONG < max(watch.elsewhere)


async def test_a_long_message_is_summarized(tmp_path: Path, watch: Watch) -> None:
    async with talk(tmp_path, window_tokens=1_000) as conversation:
        await conversation.many(5)
        await conversation.say(WORDS)
        await conversation.many(2)
        assert (await conversation.summary())["lines"]
    assert max(watch.on_loop) <= LONG
    assert max(watch.elsewhere) >= len(WORDS)


async def test_an_answer_that_broke_off_is_long(tmp_path: Path, watch: Watch) -> None:
    async with talk(tmp_path) as conversation:
        cut = Reply(text=WORDS, thinking="", chunk=5_000, stop_reason="max_tokens")
        conversation.sim.script(cut)
        turn = await conversation.say("Tell me everything.")
        await conversation.app.continue_answer(conversation.thread, turn["message_id"])
        await conversation.settled()
    assert max(watch.on_loop) <= LONG < max(watch.elsewhere)


async def test_a_model_writes_long_before_it_searches(tmp_path: Path, watch: Watch) -> None:
    async with talk(tmp_path, window_tokens=1_000, recall_tokens=0) as conversation:
        await conversation.many(6)
        replies = iter([search("fox", text=WORDS), Reply(text="Found.", thinking="")])
        conversation.sim.respond(
            lambda request: (
                Reply(text=condensed(request), thinking="") if summarises(request) else next(replies)
            )
        )
        turn = await conversation.say("What did we say of the fox?", model="complex")
        assert turn["status"] == "completed"
    assert max(watch.on_loop) <= LONG < max(watch.elsewhere)


async def test_a_window_of_many_messages_is_counted_anew_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talk(tmp_path) as conversation:
        await conversation.many(8, length=300)
    async with talk(tmp_path) as again:
        with watching(monkeypatch) as watch:
            await again.say("And now?")
    assert sum(watch.on_loop) <= 2 * LONG
    assert sum(watch.elsewhere) > 8 * 1_000


async def test_the_system_prompt_is_counted_before_the_first_request(tmp_path: Path, watch: Watch) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text(WORDS)
    async with talk(tmp_path, system_prompt_file=prompt) as conversation:
        counted = watch.elsewhere.count(len(WORDS))
        await conversation.say("Hello")
    assert counted == watch.elsewhere.count(len(WORDS)) == 1
    assert max(watch.on_loop) <= LONG


async def test_no_two_threads_count_at_a_time(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, busy, most = Sizes("m"), 0, 0
    lock = threading.Lock()
    original: Any = TokenPrior.features

    def features(self: object, text: str) -> object:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        try:
            return original(self, text)
        finally:
            with lock:
                busy -= 1

    monkeypatch.setattr(TokenPrior, "features", features)
    await asyncio.gather(*(sizes.prepare([f"{number} {WORDS}"]) for number in range(8)))
    assert most == 1
