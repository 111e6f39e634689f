"""Thinking blocks sent back: when they are valid, refused, or silently dropped (upstream-facts 1.6)."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic import AsyncAnthropic, BadRequestError

from tests.upstream import Reply, Simulator
from tests.upstream.asking import HAIKU, MARK_5M, OPUS, SONNET, ask, text, thread, tool, user, words

FABLE = "claude-fable-5-2"


async def answer(client: AsyncAnthropic, *messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """One answer, as the assistant message to send back."""
    message = await client.messages.create(**ask(*messages, **fields))
    return {
        "role": "assistant",
        "content": [block.model_dump(exclude_none=True) for block in message.content],
    }


async def verdict(client: AsyncAnthropic, *messages: dict[str, Any], **fields: Any) -> str:
    try:
        await client.messages.create(**ask(*messages, **fields))
    except BadRequestError as error:
        return str(error.api_message)
    return "accepted"


BOUND = "The block is bound to a different conversation"


async def test_an_unchanged_conversation_keeps_its_thoughts(client: AsyncAnthropic) -> None:
    first = await answer(client, *thread("u: one"), system="Be kind.")
    second = await answer(client, *thread("u: one"), first, *thread("u: two"), system="Be kind.")
    longer = (*thread("u: one"), first, *thread("u: two"), second, *thread("u: three"))
    assert await verdict(client, *longer, system="Be kind.") == "accepted"


@pytest.mark.parametrize("model", [OPUS, SONNET, HAIKU, FABLE])
async def test_a_changed_system_prompt_invalidates_them(client: AsyncAnthropic, model: str) -> None:
    first = await answer(client, *thread("u: one"), system="Be kind.", model=model)
    error = await verdict(
        client, *thread("u: one"), first, *thread("u: two"), system="Be brief.", model=model
    )
    assert error.startswith("messages.1.content.0: Invalid `signature` in `thinking` block")
    assert BOUND in error


async def test_a_slid_window_invalidates_later_thoughts(client: AsyncAnthropic) -> None:
    opening = thread("u: one", "a: two", "u: three")
    first = await answer(client, *opening)
    assert BOUND in await verdict(client, *opening[2:], first, *thread("u: four"))


async def test_new_tools_invalidate_them(client: AsyncAnthropic) -> None:
    first = await answer(client, *thread("u: one"))
    assert BOUND in await verdict(client, *thread("u: one"), first, *thread("u: two"), tools=[tool()])


async def test_marks_effort_and_limits_are_no_edit(client: AsyncAnthropic) -> None:
    first = await answer(client, user(text("one", MARK_5M)))
    later = (user(text("one")), first, user(text("two", MARK_5M)))
    assert await verdict(client, *later, max_tokens=77, output_config={"effort": "low"}) == "accepted"


async def test_the_oldest_thoughts_may_go_but_not_one_in_the_middle(client: AsyncAnthropic) -> None:
    first, three, five, seven = thread("u: one", "u: three", "u: five", "u: seven")
    two = await answer(client, first)
    four = await answer(client, first, two, three)
    six = await answer(client, first, two, three, four, five)
    bare_two = {**two, "content": two["content"][1:]}
    bare_four = {**four, "content": four["content"][1:]}
    assert await verdict(client, first, bare_two, three, four, five, six, seven) == "accepted"
    assert await verdict(client, first, bare_two, three, bare_four, five, six, seven) == "accepted"
    assert BOUND in await verdict(client, first, two, three, bare_four, five, six, seven)


async def test_a_forged_or_altered_block_is_refused_everywhere(client: AsyncAnthropic) -> None:
    forged = {"type": "thinking", "thinking": "", "signature": "bm90IG91cnM="}
    error = await verdict(
        client,
        *thread("u: one"),
        {"role": "assistant", "content": [forged, text("x")]},
        *thread("u: two"),
        model="claude-opus-5",
    )
    assert error == "messages.1.content.0: Invalid `signature` in `thinking` block"
    first = await answer(client, *thread("u: one"), model="claude-opus-5")
    first["content"][0]["thinking"] = "something else"
    assert "Invalid `signature`" in await verdict(
        client, *thread("u: one"), first, *thread("u: two"), model="claude-opus-5"
    )


async def test_models_without_the_check_allow_edits(client: AsyncAnthropic) -> None:
    first = await answer(client, *thread("u: one"), model="claude-opus-5")
    edited = (*thread("u: another"), first, *thread("u: two"))
    assert await verdict(client, *edited, model="claude-opus-5") == "accepted"


async def test_older_accounts_are_not_checked_except_on_the_newest_models() -> None:
    async with Simulator(check_thinking=False) as sim:
        async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=0) as client:
            first = await answer(client, *thread("u: one"))
            assert await verdict(client, *thread("u: another"), first, *thread("u: two")) == "accepted"
            first = await answer(client, *thread("u: one"), model=FABLE)
            assert BOUND in await verdict(
                client, *thread("u: another"), first, *thread("u: two"), model=FABLE
            )


async def test_an_unreadable_thought_is_dropped_and_not_billed(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    sim.script(Reply(text="yes", thinking=words(500)))
    first = await answer(client, *thread("u: one"))
    bare = {**first, "content": first["content"][1:]}
    history = (*thread("u: one"), first, *thread("u: two"))
    with_thought = await client.messages.create(**ask(*history, model=HAIKU))
    without = await client.messages.create(**ask(*thread("u: one"), bare, *thread("u: two"), model=HAIKU))
    same_model = await client.messages.create(**ask(*history))
    assert with_thought.usage.input_tokens == without.usage.input_tokens
    assert same_model.usage.input_tokens > without.usage.input_tokens + 600


async def test_a_batch_drops_what_a_request_would_refuse(sim: Simulator, client: AsyncAnthropic) -> None:
    first = await answer(client, *thread("u: one"))
    edited = ask(*thread("u: another"), first, *thread("u: two"))
    batch = await client.messages.batches.create(requests=[{"custom_id": "a", "params": edited}])  # type: ignore[typeddict-item]
    sim.clock.advance(60)
    assert (await client.messages.batches.retrieve(batch.id)).request_counts.succeeded == 1


async def test_count_tokens_runs_the_same_check(client: AsyncAnthropic) -> None:
    first = await answer(client, *thread("u: one"))
    with pytest.raises(BadRequestError, match="bound to a different conversation"):
        await client.messages.count_tokens(
            model=OPUS,
            messages=[*thread("u: another"), first, *thread("u: two")],  # type: ignore[list-item]
        )
