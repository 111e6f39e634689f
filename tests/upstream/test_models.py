"""The model list, and the tables of this folder against what the SDK itself knows."""

from __future__ import annotations

import anthropic
import pytest
from anthropic import AsyncAnthropic, types
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsBase

from tests.upstream import tokens
from tests.upstream.asking import words
from tests.upstream.models import BY_ID, MODELS, find_model, reads_thinking_of
from tests.upstream.rules import shape, turns


async def test_the_list_is_paged_newest_first(client: AsyncAnthropic) -> None:
    listed = [model.id async for model in client.models.list(limit=4)]
    assert listed == [model.id for model in MODELS]
    page = await client.models.list(limit=4)
    assert (len(page.data), page.has_more) == (4, True)


async def test_the_list_can_go_back_and_filter(client: AsyncAnthropic) -> None:
    before = await client.models.list(before_id=MODELS[5].id, limit=2)
    assert [model.id for model in before.data] == [MODELS[3].id, MODELS[4].id]
    ending = await client.models.list(lifecycle=["deprecated"])
    assert [model.id for model in ending.data] == ["claude-sonnet-4-5"]


async def test_capabilities_say_what_would_be_refused(client: AsyncAnthropic) -> None:
    model = await client.models.retrieve("claude-haiku-5-5")
    assert (model.line, model.max_input_tokens, model.max_tokens) == ("haiku", 1_000_000, 128_000)
    assert model.capabilities is not None
    thinking = model.capabilities.thinking.types
    assert (thinking.adaptive.supported, thinking.disabled.supported, thinking.enabled.supported) == (
        True,
        True,
        False,
    )
    assert model.capabilities.effort.max.supported


async def test_an_alias_is_found_and_an_unknown_model_is_not(client: AsyncAnthropic) -> None:
    assert (await client.models.retrieve("claude-haiku-4-5-20251001")).id == "claude-haiku-4-5"
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-opus-9")


def test_every_model_of_the_sdk_is_in_the_table() -> None:
    literal = types.model.Model.__args__[0]  # type: ignore[attr-defined]
    known = set(literal.__args__) - {"claude-mythos-preview"}
    assert known <= set(BY_ID)
    # A newer SDK leaves out what its provider is about to retire; threads that used it must still be replayed here.
    assert all(BY_ID[id].deprecated for id in set(BY_ID) - known)


def test_top_level_fields_are_those_of_the_sdk() -> None:
    headers = {"user_profile_id", "workspace_id"}
    assert set(shape.FIELDS) - {"stream"} == set(MessageCreateParamsBase.__annotations__) - headers
    assert set(shape.COUNTED) == set(MessageCountTokensParams.__annotations__) - headers


@pytest.mark.parametrize(
    "kind", ["text", "image", "document", "search_result", "tool_use", "tool_result", "thinking"]
)
def test_block_fields_are_those_of_the_sdk(kind: str) -> None:
    name = "".join(part.title() for part in kind.split("_")) + "BlockParam"
    fields = turns.BLOCKS[kind]
    assert {"type", *fields["needs"], *fields["takes"]} == set(getattr(types, name).__annotations__)


def test_only_sonnet_and_opus_read_across_as_published() -> None:
    def reads(reader: str, author: str) -> bool:
        return reads_thinking_of(find_model(f"claude-{reader}"), find_model(f"claude-{author}"))

    assert reads("sonnet-5-5", "sonnet-5")
    assert reads("sonnet-5-5", "opus-4-8")
    assert reads("sonnet-5-5", "haiku-4-5")
    assert not reads("sonnet-5-5", "opus-5")
    assert reads("opus-5-5", "opus-5")
    assert reads("opus-5-5", "sonnet-5-5")
    assert not reads("haiku-5-5", "opus-5-5")
    assert reads("fable-5-1", "opus-5-5")


ENGLISH = (
    "The harbour was quiet when we arrived, and for a while nobody said anything. Then the lights came on along "
    "the quay, one after another, and somebody laughed. We carried the boxes up the hill before it began to rain."
)


@pytest.mark.parametrize(
    ("model", "low", "high"), [("claude-opus-4-6", 0.27, 0.33), ("claude-opus-5-5", 0.36, 0.44)]
)
def test_english_costs_the_published_tokens_per_character(model: str, low: float, high: float) -> None:
    assert low < tokens.count(ENGLISH, find_model(model)) / len(ENGLISH) < high


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-opus-5-5"])
def test_a_cut_text_costs_at_most_its_allowance(model: str) -> None:
    chosen = find_model(model)
    for keepalive_cap in range(tokens.count(ENGLISH, chosen) + 3):
        excerpt = tokens.cut(ENGLISH, keepalive_cap, chosen)
        assert ENGLISH.startswith(excerpt)
        assert tokens.count(excerpt, chosen) <= keepalive_cap


async def test_count_tokens_is_near_repeatable_and_never_exact(client: AsyncAnthropic) -> None:
    for size in range(50, 2_000, 137):
        body = [{"role": "user", "content": words(size)}]
        first = await client.messages.count_tokens(model="claude-opus-5-5", messages=body)  # type: ignore[arg-type]
        again = await client.messages.count_tokens(model="claude-opus-5-5", messages=body)  # type: ignore[arg-type]
        true = tokens.count(words(size), find_model("claude-opus-5-5")) + 4
        assert first.input_tokens == again.input_tokens != true
        assert abs(first.input_tokens - true) <= 1 + true * 0.03
