"""The edges of the HTTP surface: who is let in, what every response carries, limits, and control by hand."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from tests.upstream import Simulator
from tests.upstream.asking import MARK_5M, ask, text, user, words
from tests.upstream.limits import Limits
from tests.upstream.log import Log
from tests.waiting import LIMIT

VERSION = {"anthropic-version": "2026-10-21"}


async def post(
    sim: Simulator, headers: dict[str, str], body: Any = None, path: str = "/v1/messages"
) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=sim.base_url, headers=headers) as raw:
        if isinstance(body, bytes):
            return await raw.post(path, content=body)
        return await raw.post(path, json=ask() if body is None else body)


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({**VERSION, "x-api-key": "k"}, 200, ""),
        ({**VERSION, "authorization": "Bearer k"}, 200, ""),
        ({"x-api-key": "k", "anthropic-version": "2023-06-01"}, 200, ""),
        (VERSION, 401, "header is required"),
        ({**VERSION, "authorization": "Basic k"}, 401, "header is required"),
        ({"x-api-key": "k"}, 400, "anthropic-version: header is required"),
        ({"x-api-key": "k", "anthropic-version": "2020-01-01"}, 400, "is not a valid version"),
    ],
)
async def test_who_is_let_in(sim: Simulator, headers: dict[str, str], status: int, words: str) -> None:
    response = await post(sim, headers)
    assert response.status_code == status
    assert words in response.json().get("error", {}).get("message", "")
    assert response.headers["request-id"].startswith("req_")
    assert response.headers["anthropic-organization-id"]
    assert response.headers["anthropic-workspace-id"]


async def test_only_listed_keys_are_let_in_when_there_is_a_list() -> None:
    async with Simulator(keys={"good": "wrkspc_a"}) as sim:
        assert (await post(sim, {**VERSION, "x-api-key": "bad"})).status_code == 401
        response = await post(sim, {**VERSION, "x-api-key": "good"})
        assert response.headers["anthropic-workspace-id"] == "wrkspc_a"


async def test_broken_json_and_unknown_paths_answer_in_the_apis_shape(sim: Simulator) -> None:
    key = {**VERSION, "x-api-key": "k"}
    broken = await post(sim, key, b"{nope")
    lost = await post(sim, key, path="/v1/complete")
    wrong = await post(sim, key, path="/v1/models")
    assert [response.status_code for response in (broken, lost, wrong)] == [400, 404, 405]
    assert [response.json()["error"]["type"] for response in (broken, lost, wrong)] == [
        "invalid_request_error",
        "not_found_error",
        "invalid_request_error",
    ]


async def test_rate_limit_headers_leave_out_cache_reads(sim: Simulator, client: AsyncAnthropic) -> None:
    async def remaining() -> tuple[int, int, str]:
        body = ask(user(text(words(60_000), MARK_5M)))
        response = await client.messages.with_raw_response.create(**body)
        header = "anthropic-ratelimit-{}-remaining"
        headers = response.headers
        return (
            int(headers[header.format("requests")]),
            int(headers[header.format("input-tokens")]),
            headers["anthropic-ratelimit-input-tokens-reset"],
        )

    assert await remaining() == (999, 1_920_000, "2027-01-15T08:00:02Z")
    assert await remaining() == (998, 1_920_000, "2027-01-15T08:00:02Z")
    sim.clock.advance(60)
    assert (await remaining())[:2] == (999, 2_000_000)


async def test_fast_mode_has_limits_of_its_own(client: AsyncAnthropic) -> None:
    standard = await client.messages.with_raw_response.create(**ask())
    fast = await client.messages.with_raw_response.create(**ask(speed="fast"))
    assert "anthropic-fast-input-tokens-limit" not in standard.headers
    assert fast.headers["anthropic-fast-input-tokens-limit"] == "2000000"
    assert fast.headers["anthropic-ratelimit-requests-remaining"] == "999"


async def test_enforced_limits_answer_429_until_the_bucket_refills() -> None:
    async with Simulator(limits=Limits(requests=2, enforced=True)) as sim:
        sim.clock.freeze()
        async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=0) as client:
            for _ in range(2):
                await client.messages.create(**ask())
            with pytest.raises(anthropic.RateLimitError) as caught:
                await client.messages.create(**ask())
            wait = float(caught.value.response.headers["retry-after"])
            assert 29 <= wait <= 32
            sim.clock.advance(wait)
            await client.messages.create(**ask())


async def test_the_log_keeps_only_so_many(sim: Simulator) -> None:
    async with Simulator(log=Log(limit=2, keep_bodies=False)) as small:
        for _ in range(3):
            await post(small, {**VERSION, "x-api-key": "k"})
        await small.idle()
        assert (len(small.log), small.log.total) == (2, 3)
        assert (small.log[0].body, small.log[0].json) == (b"", None)
        assert small.log.billed["claude-opus-5-5"]["requests"] == 3


async def test_scripts_clock_gates_and_log_over_http(sim: Simulator, client: AsyncAnthropic) -> None:
    async with httpx2.AsyncClient(base_url=sim.base_url) as hand:
        queued = await hand.post(
            "/sim/script",
            json={
                "replies": [
                    {"text": "By hand", "gate": "g", "tools": [{"name": "look", "input": {"a": 1}}]},
                    {"fault": "rate_limited", "retry_after": 2},
                ]
            },
        )
        assert queued.json() == {"pending": 2}
        task = asyncio.create_task(client.messages.create(**ask()))
        await sim.gate("g").reached()
        await hand.post("/sim/gates/g", json={"open": True})
        assert (await task).stop_reason == "tool_use"
        with pytest.raises(anthropic.RateLimitError):
            await client.messages.create(**ask())
        before = (await hand.get("/sim/clock")).json()["now"]
        assert (await hand.post("/sim/clock", json={"advance": 301})).json()["now"] == before + 301
        log = (await hand.get("/sim/log", params={"after": 1})).json()
        assert log["total"] == 2
        assert log["billed"]["claude-opus-5-5"]["requests"] == 1
        assert [row["outcome"] for row in log["exchanges"]] == ["fault:rate_limit_error"]
        assert "authorization" not in log["exchanges"][0]["headers"]
        assert (
            await hand.post("/sim/chaos", json={"seed": 1, "rate": 1, "kinds": ["overloaded"]})
        ).is_success
        with pytest.raises(anthropic.OverloadedError):
            await client.messages.create(**ask())
        await hand.post("/sim/reset")
        assert (await client.messages.create(**ask())).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "item", [{"fault": "earthquake"}, {"colour": "red"}, {"fault": "overloaded", "colour": 1}]
)
async def test_a_script_with_a_mistake_is_refused(sim: Simulator, item: dict[str, Any]) -> None:
    async with httpx2.AsyncClient(base_url=sim.base_url) as hand:
        assert (await hand.post("/sim/script", json={"replies": [item]})).status_code == 400
    assert sim.pending == 0


async def test_it_runs_as_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.upstream", "--port", "0", "--seed", "7", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        address = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        async with AsyncAnthropic(base_url=address, api_key="k", max_retries=0) as client:
            assert (await client.messages.create(**ask())).stop_reason == "end_turn"
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), LIMIT) == 0
