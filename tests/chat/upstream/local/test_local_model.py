"""The real model through the real SDK: every claim of chat/upstream/local/capabilities that the product rests on."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import platformdirs
import psutil
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic, AuthenticationError, BadRequestError
from rich.console import Console

from chat.upstream.local.capabilities import API_KEY, CLIENT_HEADERS
from chat.upstream.local.process import LocalModel
from chat.upstream.local.weights import LocalModelUnavailable, ensure_weights
from tests.waiting import LIMIT, until

pytestmark = [pytest.mark.local_model, pytest.mark.asyncio(loop_scope="module")]

CONTEXT = 1024
SLOTS = 2
ASK: dict[str, Any] = {
    "model": "any",
    "max_tokens": 16,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weights() -> Path:
    return await ensure_weights(platformdirs.user_cache_path("palaver"), None, Console(stderr=True))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local(weights: Path) -> AsyncIterator[LocalModel]:
    model = LocalModel(weights, slots=SLOTS, context_tokens=CONTEXT)
    await model.start()
    yield model
    await model.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(local: LocalModel) -> AsyncIterator[AsyncAnthropic]:
    async with sdk(local) as client:
        yield client


def sdk(local: LocalModel, api_key: str = API_KEY) -> AsyncAnthropic:
    return AsyncAnthropic(
        base_url=local.base_url, api_key=api_key, max_retries=0, default_headers=dict(CLIENT_HEADERS)
    )


def saying(text: str, **fields: Any) -> dict[str, Any]:
    return {**ASK, "messages": [{"role": "user", "content": text}], **fields}


async def test_an_answer_streams_in_the_order_of_the_protocol(client: AsyncAnthropic) -> None:
    kinds: list[str] = []
    async with client.messages.stream(**ASK) as stream:
        async for event in stream:
            if not kinds or kinds[-1] != event.type:
                kinds.append(event.type)
        message = await stream.get_final_message()
    wire = [kind for kind in kinds if kind != "text"]
    assert wire[:3] == ["message_start", "content_block_start", "content_block_delta"]
    assert wire[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert message.content[0].type == "text"
    assert message.content[0].text.strip()
    assert message.model == "SmolLM2-135M-Instruct.Q4_1"
    assert 0 < message.usage.output_tokens <= 16


async def test_what_is_counted_is_what_is_charged(client: AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model="any", system=ASK["system"], messages=ASK["messages"])
    used = (await client.messages.create(**ASK)).usage
    assert counted.input_tokens == used.input_tokens + (used.cache_read_input_tokens or 0)


async def test_the_next_turn_reads_the_earlier_ones_from_the_cache(client: AsyncAnthropic) -> None:
    first = saying("Remember that my cat is called Mia. " * 8)
    answer = await client.messages.create(**first)
    history = [*first["messages"], {"role": "assistant", "content": answer.content}]
    later = await client.messages.create(
        **{**ASK, "messages": [*history, {"role": "user", "content": "What is she called?"}]}
    )
    assert (later.usage.cache_read_input_tokens or 0) >= 60


async def test_an_answer_ends_at_its_limit_and_says_so(client: AsyncAnthropic) -> None:
    message = await client.messages.create(**saying("Write a long story about a fox.", max_tokens=5))
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 5)


async def test_a_prompt_that_is_too_long_is_refused_and_not_cut(client: AsyncAnthropic) -> None:
    with pytest.raises(BadRequestError) as problem:
        await client.messages.create(**saying("fox " * CONTEXT))
    assert problem.value.body["error"]["type"] == "exceed_context_size_error"  # type: ignore[index]


async def test_a_prompt_that_is_too_long_is_refused_before_a_stream_begins(client: AsyncAnthropic) -> None:
    with pytest.raises(BadRequestError):
        async with client.messages.stream(**saying("fox " * CONTEXT)):
            pass


async def test_an_answer_that_fills_the_context_ends_there(weights: Path) -> None:
    small = LocalModel(weights, slots=1, context_tokens=256)
    await small.start()
    try:
        async with sdk(small) as client:
            endless = saying("fox " * 150 + "Tell a story.", max_tokens=500, extra_body={"ignore_eos": True})
            message = await client.messages.create(**endless)
    finally:
        await small.stop()
    assert message.stop_reason == "max_tokens"
    assert message.usage.input_tokens + message.usage.output_tokens == 256


async def test_fields_of_the_larger_models_are_accepted(client: AsyncAnthropic) -> None:
    fields: dict[str, Any] = {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
        "metadata": {"user_id": "someone"},
        "diagnostics": {"previous_message_id": None},
        "service_tier": "auto",
        "cache_control": {"type": "ephemeral"},
    }
    message = await client.messages.create(**ASK, **fields)
    assert [block.type for block in message.content] == ["text"]


async def test_a_wrong_key_is_refused(local: LocalModel) -> None:
    async with sdk(local, api_key="guessed") as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.messages.create(**ASK)


async def test_a_reader_who_leaves_frees_his_slot(client: AsyncAnthropic) -> None:
    for _ in range(SLOTS):
        endless = saying("Tell a story.", max_tokens=CONTEXT, extra_body={"ignore_eos": True})
        async with client.messages.stream(**endless) as stream:
            async for event in stream:
                if event.type == "text":
                    break
    slots = client.with_options(timeout=LIMIT)
    await asyncio.gather(*(slots.messages.create(**saying("Hi.", max_tokens=1)) for _ in range(SLOTS)))


async def test_more_calls_than_slots_wait_and_are_all_answered(client: AsyncAnthropic) -> None:
    calls = (client.messages.create(**saying(f"Say {n}.", max_tokens=4)) for n in range(SLOTS * 3))
    assert len(await asyncio.gather(*calls)) == SLOTS * 3


async def test_after_a_crash_it_answers_again_at_the_same_address(
    local: LocalModel, client: AsyncAnthropic
) -> None:
    before, address = local.status, local.base_url
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: local.status.state == "ready" and local.status.pid != before.pid)
    assert local.base_url == address
    assert local.status.restarts == before.restarts + 1
    assert (await client.messages.create(**ASK)).usage.output_tokens > 0


async def test_the_child_ends_when_its_parent_is_killed(weights: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chat.upstream.local.parent", str(weights), stdout=PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(60):
        async for line in parent.stdout:
            if line.startswith(b"child "):
                break
        child = psutil.Process(int(line.split()[1]))
        parent.kill()
        await parent.wait()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_a_file_that_only_looks_like_a_model_fails_the_start(tmp_path: Path) -> None:
    pretender = tmp_path / "pretender.gguf"
    pretender.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(LocalModelUnavailable, match="could not be loaded"):
        await LocalModel(pretender).start()
