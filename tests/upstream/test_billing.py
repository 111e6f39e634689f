"""What requests over HTTP cost: cache reads and writes, their expiry, isolation, pre-warming and the log of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from hypothesis import given
from hypothesis import strategies as st

from tests.upstream import Reply, SimClock, Simulator, faults
from tests.upstream.asking import (
    MARK_1H,
    MARK_5M,
    SYSTEM,
    ask,
    assistant,
    kinds,
    text,
    thread,
    tool,
    tool_result,
    tool_use,
    usage,
    user,
    words,
)
from tests.upstream.cache import account
from tests.upstream.call import Call
from tests.upstream.models import MODELS, find_model
from tests.upstream.prompt import lay_out


async def test_a_conversation_reads_its_prefix_and_writes_only_the_new_turn(client: AsyncAnthropic) -> None:
    first = user(text(words(300), MARK_5M))
    first_call = kinds(await usage(client, first, system=SYSTEM))
    again = (user(text(words(300))), assistant(text(words(30))), user(text(words(60), MARK_5M)))
    second_call = kinds(await usage(client, *again, system=SYSTEM))
    assert first_call == (0, 800, 404, 0)
    assert second_call == (1204, 0, 44 + 84, 0)


async def test_plain_input_is_what_follows_the_last_breakpoint(client: AsyncAnthropic) -> None:
    messages = (user(text(words(300), MARK_5M), text(words(30))),)
    assert kinds(await usage(client, *messages, system=SYSTEM)) == (0, 800, 404, 40)


async def test_usage_is_final_at_the_start_and_only_output_comes_at_the_end(client: AsyncAnthropic) -> None:
    stream = await client.messages.create(stream=True, **ask(system=SYSTEM))
    events = [event async for event in stream]
    start, end = events[0], events[-2]
    assert start.type == "message_start"
    assert end.type == "message_delta"
    assert kinds(start.message.usage) == (0, 800, 0, 6)
    assert end.usage.model_dump(exclude_none=True).keys() == {"output_tokens", "output_tokens_details"}


async def test_parallel_first_requests_all_pay_the_write(sim: Simulator, client: AsyncAnthropic) -> None:
    gates = [sim.gate() for _ in range(3)]
    sim.script(*(Reply(text="ok", head_gate=gate) for gate in gates))
    tasks = []
    for gate in gates:
        tasks.append(asyncio.create_task(usage(client, system=SYSTEM)))
        await gate.reached()
    for gate in gates:
        gate.open()
    assert [kinds(spent)[:2] for spent in await asyncio.gather(*tasks)] == [(0, 800)] * 3
    assert kinds(await usage(client, system=SYSTEM))[:2] == (800, 0)


async def test_a_failed_call_neither_writes_nor_refreshes(sim: Simulator, client: AsyncAnthropic) -> None:
    marked = user(text(words(600), MARK_5M))
    sim.script(faults.overloaded(), Reply(text="written"), faults.overloaded())
    for second in (0, 1, 240):
        sim.clock.advance(second)
        if sim.pending != 2:
            with pytest.raises(Exception, match="Overloaded"):
                await usage(client, marked)
        else:
            assert kinds(await usage(client, marked)) == (0, 0, 804, 0)
    sim.clock.advance(61)
    assert kinds(await usage(client, marked)) == (0, 0, 804, 0)


async def test_entries_expire_by_the_simulators_clock(sim: Simulator, client: AsyncAnthropic) -> None:
    marked = user(text(words(600), MARK_5M))
    await usage(client, marked)
    sim.clock.advance(300)
    assert kinds(await usage(client, marked))[0] == 804
    sim.clock.advance(301)
    assert kinds(await usage(client, marked))[0] == 0


async def test_a_long_answer_eats_into_the_life_of_its_entry(sim: Simulator, client: AsyncAnthropic) -> None:
    gate = sim.gate()
    sim.script(Reply(text="long", head_gate=gate))
    marked = user(text(words(600), MARK_5M))
    task = asyncio.create_task(usage(client, marked))
    await gate.reached()
    sim.clock.advance(240)
    gate.open()
    await task
    sim.clock.advance(61)
    assert kinds(await usage(client, marked))[0] == 0


async def test_caches_belong_to_one_workspace(sim: Simulator, client: AsyncAnthropic) -> None:
    await usage(client, system=SYSTEM)
    async with AsyncAnthropic(base_url=sim.base_url, api_key="key-b", max_retries=0) as stranger:
        assert kinds(await usage(stranger, system=SYSTEM))[0] == 0
    assert kinds(await usage(client, system=SYSTEM))[0] == 800


async def test_automatic_caching_moves_its_breakpoint_to_the_last_block(client: AsyncAnthropic) -> None:
    opening = user(text(words(600)))
    first = await usage(client, opening, cache_control=MARK_5M)
    second = await usage(client, opening, assistant(text("ok")), user(text("on")), cache_control=MARK_5M)
    assert kinds(first) == (0, 0, 804, 0)
    assert kinds(second)[0] == 804
    assert kinds(second)[3] == 0


async def test_a_prewarm_writes_the_cache_and_generates_nothing(client: AsyncAnthropic) -> None:
    warm = await client.messages.create(**ask(*thread("u: x"), system=SYSTEM, max_tokens=0))
    assert (warm.content, warm.stop_reason, warm.usage.output_tokens) == ([], "max_tokens", 0)
    assert kinds(warm.usage)[:2] == (0, 800)
    assert kinds(await usage(client, *thread("u: the real one"), system=SYSTEM))[:2] == (800, 0)


async def test_twenty_blocks_of_tools_in_one_turn_do_not_break_the_chain(client: AsyncAnthropic) -> None:
    opening = user(text(words(600), MARK_5M))
    await usage(client, opening, tools=[tool()])
    calls = assistant(*(tool_use(f"t{n}") for n in range(30)))
    results = user(*(tool_result(f"t{n}") for n in range(30)))
    results["content"][-1]["cache_control"] = MARK_5M
    spent = await usage(client, opening, calls, results, tools=[tool()])
    assert kinds(spent)[0] > 804


async def test_older_models_strip_old_thinking_at_a_new_turn(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="first", thinking=words(900)))
    model = "claude-haiku-4-5"
    on = {"type": "enabled", "budget_tokens": 2000}
    fields: dict[str, Any] = {"model": model, "max_tokens": 4000, "thinking": on}
    first = await client.messages.create(**ask(**fields))
    back = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    bare = {**back, "content": back["content"][1:]}
    with_thought = await usage(client, *thread("u: hi"), back, *thread("u: more"), **fields)
    without = await usage(client, *thread("u: hi"), bare, *thread("u: more"), **fields)
    assert with_thought.input_tokens == without.input_tokens


async def test_the_log_holds_what_was_billed_and_the_bytes_that_came(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    spent = await usage(client, *thread("u: hi"), system=SYSTEM)
    entry = sim.log[-1]
    assert entry.kinds == {
        "input": 6,
        "cache_read": 0,
        "write_5m": 0,
        "write_1h": 800,
        "output": spent.output_tokens,
    }
    assert entry.body.startswith(b"{")
    assert sim.requests == [entry.json]
    assert entry.headers["authorization"] == "Bearer key-a"
    assert entry.outcome == "completed"


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant"]),
        st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=6),
    ),
    max_size=12,
)


@given(MESSAGES, st.sampled_from([model.id for model in MODELS]), st.sampled_from([MARK_5M, MARK_1H, None]))
def test_extending_a_conversation_never_loses_the_prefix_it_wrote(
    turns: list[tuple[str, list[tuple[int, bool]]]], model: str, automatic: dict[str, Any] | None
) -> None:
    """Growing by one turn of few blocks with a mark on the end, everything written before is read again."""
    chosen = find_model(model)
    clock = SimClock(start=0.0)
    sim = Simulator(clock=clock)
    history = [user(text(words(50)))]
    last_written = 0
    for role, sizes in [*turns, ("user", [(10, False)])]:
        history.append({"role": role, "content": [text(words(size)) for size, _ in sizes]})
        body = ask(*history, model=model, cache_control=automatic)
        prompt = lay_out(Call(body=body, model=chosen, workspace="w"))
        bill = sim.cache.open(prompt.blocks, now=clock.now, least=chosen.min_cache)
        sim.cache.begin_response(bill, now=clock.now)
        assert bill.total == prompt.tokens
        if automatic is not None:
            assert bill.read == last_written
            last_written = bill.total - bill.input
        assert account(prompt.blocks, sim.cache.entries, now=clock.now, least=1).total == prompt.tokens
