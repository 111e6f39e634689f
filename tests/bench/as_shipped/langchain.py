"""The same threads through LangChain's agent with its summarization and prompt-caching middleware, against the same simulator and prices.

Needs the dependency group `bench` (`uv pip install --group bench`). Summarization begins at 4,000 tokens and keeps 20 messages, as in LangChain's
documentation; the summarizer is the model that Palaver takes, and answers with sentences of what it is shown.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from context.models.pricing import Usage, price_table
from context.request.prompts import ASSISTANT
from tests.bench.as_shipped.bills import support_threads
from tests.bench.as_shipped.measured import play_all
from tests.bench.as_shipped.rows import Options, Row
from tests.bench.extractive import condense
from tests.bench.playing import ONE_TIER, each
from tests.bench.threads import Thread
from tests.upstream import Reply, SimClock, Simulator

MODEL, SUMMARIZER = "claude-sonnet-5-5", "claude-haiku-5-5"
TRIGGER, KEEP = ("tokens", 4_000), ("messages", 20)
BUDGET = 1_300  # tokens of a summary, about what Palaver's holds
NAME = "support-200: bill ÷ LangChain's summarization with prompt caching"


def beside_langchain(options: Options) -> Iterator[Row]:
    """The bill of the application on one tier over LangChain's."""
    try:
        importlib.import_module("langchain.agents")
        importlib.import_module("langchain_anthropic")
    except ImportError:
        yield Row(name=NAME, value=None, aim=0.8, note="langchain and langchain-anthropic are not installed")
        return
    threads = support_threads(options, 200, 6)
    theirs = sum(each(partial(play_langchain, TRIGGER), threads, options.jobs))
    for name, more, aim in ((NAME, {}, 0.8), (f"{NAME}, recall off", {"recall_tokens": 0}, None)):
        ours = play_all(threads, {**ONE_TIER, **options.settings, **more}, options.jobs)
        yield Row(name=name, value=sum(played.total for played in ours) / theirs, aim=aim)


def play_langchain(trigger: tuple[str, int], thread: Thread) -> int:
    """What the thread costs there, in picodollars."""
    return asyncio.run(_play(trigger, thread))


async def _play(trigger: tuple[str, int], thread: Thread) -> int:
    clock, answer = SimClock(start=thread.exchanges[0].at / 1000), ""

    def respond(body: dict[str, Any]) -> Reply:
        if body["model"] == SUMMARIZER:
            return Reply(text=condense(str(body["messages"]), BUDGET, SUMMARIZER), thinking="")
        return Reply(text=answer, thinking="")

    async with Simulator(clock=clock) as sim:
        sim.respond(respond)
        agent = _agent(sim.base_url, trigger)
        for exchange in thread.exchanges:
            clock.advance(max(0, exchange.at / 1000 - clock.now))
            answer = exchange.answer
            said = {"messages": [{"role": "user", "content": exchange.user}]}
            await agent.ainvoke(said, {"configurable": {"thread_id": thread.name}})
        return sum(_cost(model, kinds, thread.exchanges[0].at) for model, kinds in sim.log.billed.items())


def _agent(base_url: str, trigger: tuple[str, int]) -> Any:
    agents = importlib.import_module("langchain.agents")
    middleware = importlib.import_module("langchain.agents.middleware")
    anthropic = importlib.import_module("langchain_anthropic")
    caching = importlib.import_module("langchain_anthropic.middleware")
    memory = importlib.import_module("langgraph.checkpoint.memory")

    def model(name: str) -> Any:
        return anthropic.ChatAnthropic(
            model=name,
            base_url=base_url,
            api_key="sk-ant-test-key-0123456789",
            max_tokens=16_000,
            max_retries=0,
        )

    return agents.create_agent(
        model=model(MODEL),
        system_prompt=ASSISTANT.text,
        middleware=[
            middleware.SummarizationMiddleware(model=model(SUMMARIZER), trigger=trigger, keep=KEEP),
            caching.AnthropicPromptCachingMiddleware(ttl="5m"),
        ],
        checkpointer=memory.InMemorySaver(),
    )


def _cost(model: str, kinds: dict[str, int], now: int) -> int:
    table = price_table(model, now=now)
    assert table is not None
    return table.cost(
        Usage(
            input=kinds["input"],
            cache_read=kinds["cache_read"],
            cache_write_5m=kinds["write_5m"],
            cache_write_1h=kinds["write_1h"],
            output=kinds["output"],
        )
    )
