"""Message batches with the real SDK: made, awaited on the simulator's clock, read in any order."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from tests.upstream import Reply, Simulator
from tests.upstream.asking import MARK_1H, ask, text, thread, words


def items(count: int, **fields: Any) -> list[Any]:
    return [
        {"custom_id": f"item-{n}", "params": ask(*thread(f"u: number {n}"), **fields)} for n in range(count)
    ]


async def test_a_batch_ends_on_the_clock_and_answers_out_of_order(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    sim.script(Reply(text="not for batches"))
    batch = await client.messages.batches.create(requests=items(8))
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 8)
    sim.clock.advance(60)
    done = await client.messages.batches.retrieve(batch.id)
    assert (done.processing_status, done.request_counts.succeeded) == ("ended", 8)
    results = [row async for row in await client.messages.batches.results(batch.id)]
    assert sorted(row.custom_id for row in results) == [f"item-{n}" for n in range(8)]
    assert [row.custom_id for row in results] != [f"item-{n}" for n in range(8)]
    for row in results:
        assert row.result.type == "succeeded"
        assert row.result.message.usage.service_tier == "batch"
        assert f"number {row.custom_id[-1]}" in str(row.result.message.content)
    assert sim.pending == 1


async def test_a_bad_item_errs_alone(sim: Simulator, client: AsyncAnthropic) -> None:
    bad = items(4)
    bad[0]["params"]["temperature"] = 1
    bad[1]["params"]["stream"] = True
    bad[2]["params"]["max_tokens"] = 0
    batch = await client.messages.batches.create(requests=bad)
    sim.clock.advance(60)
    rows = {row.custom_id: row.result async for row in await client.messages.batches.results(batch.id)}
    assert [rows[f"item-{n}"].type for n in range(4)] == ["errored", "errored", "errored", "succeeded"]
    assert rows["item-0"].type == "errored"
    assert rows["item-0"].error.error.type == "invalid_request_error"


async def test_batch_items_share_the_prompt_cache(sim: Simulator, client: AsyncAnthropic) -> None:
    batch = await client.messages.batches.create(requests=items(3, system=[text(words(600), MARK_1H)]))
    sim.clock.advance(60)
    await client.messages.batches.retrieve(batch.id)
    assert [(e.kinds["write_1h"], e.kinds["cache_read"]) for e in sim.log if e.method == "BATCH"] == [
        (800, 0),
        (0, 800),
        (0, 800),
    ]


async def test_a_cancelled_batch_answers_nothing(client: AsyncAnthropic) -> None:
    batch = await client.messages.batches.create(requests=items(2))
    assert (await client.messages.batches.cancel(batch.id)).processing_status == "canceling"
    ended = await client.messages.batches.retrieve(batch.id)
    assert (ended.processing_status, ended.request_counts.canceled) == ("ended", 2)


async def test_results_wait_for_the_end_and_batches_can_be_listed_and_deleted(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    created = await client.messages.batches.create(requests=items(1))
    with pytest.raises(anthropic.AnthropicError):
        await client.messages.batches.results(created.id)
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.batches.delete(created.id)
    assert [batch.id async for batch in client.messages.batches.list()] == [created.id]
    sim.clock.advance(60)
    assert (await client.messages.batches.delete(created.id)).id == created.id
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve(created.id)


@pytest.mark.parametrize("ids", [["a", "a"], ["with space"], ["x" * 65]])
async def test_custom_ids_are_checked_at_once(client: AsyncAnthropic, ids: list[str]) -> None:
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.batches.create(
            requests=[{"custom_id": name, "params": ask()} for name in ids]  # type: ignore[typeddict-item]
        )
