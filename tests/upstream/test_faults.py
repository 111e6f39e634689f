"""Every way a call can go wrong, as the real SDK reports it (upstream-facts 3.4 and 4.1)."""

from __future__ import annotations

import asyncio
import time

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic, DefaultAioHttpClient

from tests.upstream import Reply, Simulator, faults
from tests.upstream.asking import ask, thread, words
from tests.upstream.chaos import Chaos

STATUSES: list[tuple[Reply, type[anthropic.APIStatusError], int, str, str | None]] = [
    (faults.own_spend_limit(), anthropic.BadRequestError, 400, "invalid_request_error", None),
    (faults.unauthorized(), anthropic.AuthenticationError, 401, "authentication_error", None),
    (faults.payment_required(), anthropic.PaymentRequiredError, 402, "billing_error", None),
    (faults.forbidden(), anthropic.PermissionDeniedError, 403, "permission_error", None),
    (faults.unknown_model(), anthropic.NotFoundError, 404, "not_found_error", None),
    (faults.request_too_large(), anthropic.ContentTooLargeError, 413, "request_too_large", None),
    (faults.rate_limited(), anthropic.RateLimitError, 429, "rate_limit_error", None),
    (faults.ramp_limited(), anthropic.RampLimitExceededError, 429, "rate_limit_error", "ramp_limit_exceeded"),
    (
        faults.spend_cap(),
        anthropic.EnforcedSpendLimitReachedError,
        429,
        "rate_limit_error",
        "enforced_spend_limit_reached",
    ),
    (faults.server_error(), anthropic.InternalServerError, 500, "api_error", None),
    (faults.unavailable(), anthropic.ServiceUnavailableError, 503, "api_error", None),
    (faults.gateway_timeout(), anthropic.GatewayTimeoutError, 504, "timeout_error", None),
    (faults.overloaded(), anthropic.OverloadedError, 529, "overloaded_error", None),
]


@pytest.mark.parametrize(
    ("reply", "kind", "status", "type", "code"), STATUSES, ids=[str(row[2]) for row in STATUSES]
)
async def test_error_statuses_become_their_sdk_class(
    sim: Simulator,
    client: AsyncAnthropic,
    reply: Reply,
    kind: type[anthropic.APIStatusError],
    status: int,
    type: str,
    code: str | None,
) -> None:
    sim.script(reply)
    with pytest.raises(kind) as caught:
        await client.messages.create(stream=True, **ask())
    error = caught.value
    assert (error.status_code, error.type, error.error_code) == (status, type, code)
    assert error.request_id == sim.log[-1].request_id
    assert sim.log[-1].usage is None


async def test_retry_hints_are_headers(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.rate_limited(2.5), faults.spend_cap(), faults.overloaded(should_retry=False))
    hints = []
    for _ in range(3):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(**ask())
        headers = caught.value.response.headers
        hints.append((headers.get("retry-after"), headers.get("x-should-retry")))
    assert hints == [("2.5", None), (None, None), (None, "false")]


async def test_the_sdk_retries_what_it_should_and_each_try_is_a_request(sim: Simulator) -> None:
    sim.script(faults.rate_limited(0.01), faults.no_response(), Reply(text="at last"))
    async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=2) as client:
        message = await client.messages.create(**ask())
    assert message.content[-1].model_dump()["text"] == "at last"
    assert [entry.headers["x-stainless-retry-count"] for entry in sim.log] == ["0", "1", "2"]
    assert [entry.outcome for entry in sim.log] == [
        "fault:rate_limit_error",
        "fault:no_response",
        "completed",
    ]


async def test_no_response_is_a_connection_error(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.no_response())
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.create(**ask())


async def test_offline_refuses_the_connection_and_comes_back(sim: Simulator, client: AsyncAnthropic) -> None:
    async with sim.offline():
        with pytest.raises(anthropic.APIConnectionError) as caught:
            await client.messages.create(**ask())
        assert isinstance(caught.value.__cause__, httpx2.ConnectError)
    assert (await client.messages.create(**ask())).stop_reason == "end_turn"


async def heard_before(client: AsyncAnthropic, error: type[Exception]) -> tuple[str, Exception]:
    """The text that arrived before the stream broke with this error."""
    text = ""
    try:
        async with client.messages.stream(**ask()) as stream:
            async for piece in stream.text_stream:
                text += piece
    except error as broken:
        return text, broken
    raise AssertionError(f"the stream ended well after {text!r}")


async def test_an_error_event_is_a_status_error_of_200(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.error_event(after="Some text"))
    text, error = await heard_before(client, anthropic.APIStatusError)
    assert isinstance(error, anthropic.APIStatusError)
    assert (text, error.status_code, error.type) == ("Some text", 200, "overloaded_error")


async def test_a_reset_is_a_raw_transport_error(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.reset_after("Some text"))
    text, _ = await heard_before(client, httpx2.ReadError)
    assert text == "Some text"


async def test_an_end_inside_the_body_is_a_protocol_error(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.eof_after("Some text"))
    text, _ = await heard_before(client, httpx2.RemoteProtocolError)
    assert text == "Some text"


async def test_a_clean_end_without_message_stop_raises_nothing(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    sim.script(faults.no_message_stop("Some text"))
    async with client.messages.stream(**ask()) as stream:
        message = await stream.get_final_message()
    assert (message.stop_reason, message.content[-1].model_dump()["text"]) == (None, "Some text")


async def test_an_end_behind_the_final_count_brings_all_but_the_last_event(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    sim.script(faults.cut_end("Some text"))
    async with client.messages.stream(**ask()) as stream:
        message = await stream.get_final_message()
    assert (message.stop_reason, message.content[-1].model_dump()["text"]) == ("end_turn", "Some text")
    assert message.usage.output_tokens == sim.log[-1].kinds["output"]
    assert sim.log[-1].outcome == "fault:no_message_stop"


async def test_silence_ends_in_a_read_timeout(sim: Simulator) -> None:
    sim.script(faults.silence("Some text"))
    timeout = httpx2.Timeout(5, read=0.1)
    async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=0, timeout=timeout) as client:
        text, _ = await heard_before(client, httpx2.ReadTimeout)
    assert text == "Some text"


async def test_slow_headers_run_into_the_timeout(sim: Simulator) -> None:
    sim.script(faults.slow_headers(5))
    async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=0, timeout=0.1) as client:
        with pytest.raises(anthropic.APITimeoutError):
            await client.messages.create(**ask())


async def test_silence_can_be_ended_by_the_test(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.silence("Some text"))
    async with client.messages.stream(**ask()) as stream:
        heard = stream.text_stream
        assert await anext(heard) == "Some text"
        sim.release_silence()
        with pytest.raises(httpx2.RemoteProtocolError):
            await anext(heard)


async def test_delays_shape_the_stream(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="abcd", chunk=1, thinking="", first_delay=0.05, delay=0.02))
    began = time.perf_counter()
    async with client.messages.stream(**ask()) as stream:
        await anext(aiter(stream.text_stream))
        first = time.perf_counter() - began
        await stream.get_final_text()
    assert first >= 0.05
    assert time.perf_counter() - began >= 0.05 + 3 * 0.02


async def test_faults_reach_the_aiohttp_transport_too(sim: Simulator) -> None:
    sim.script(faults.eof_after("Some text"), faults.reset_after("Some text"), faults.no_response())
    async with AsyncAnthropic(
        base_url=sim.base_url, api_key="k", max_retries=0, http_client=DefaultAioHttpClient()
    ) as client:
        for _ in range(2):
            text, _ = await heard_before(client, httpx2.TransportError)
            assert text == "Some text"
        with pytest.raises(anthropic.APIConnectionError):
            await client.messages.create(**ask())


async def test_whole_replies_break_as_well(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(
        faults.error_event(), faults.reset_after("x"), faults.eof_after("x"), faults.silence(seconds=0.01)
    )
    with pytest.raises(anthropic.OverloadedError):
        await client.messages.create(**ask())
    for _ in range(3):
        with pytest.raises(anthropic.APIConnectionError):
            await client.messages.create(**ask())


async def test_a_rejected_request_leaves_the_script_alone(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="for the good one"))
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.create(**ask(*thread("u: hi", "a: prefill")))
    assert (await client.messages.create(**ask())).content[-1].model_dump()["text"] == "for the good one"


async def test_a_script_may_wait_for_its_request(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="a title"), when=lambda request: request["max_tokens"] == 20)
    sim.script(Reply(text="an answer"))
    assert "an answer" in str((await client.messages.create(**ask())).content)
    assert "a title" in str((await client.messages.create(**ask(max_tokens=20))).content)


async def outcomes(seed: int) -> list[str]:
    async with Simulator() as sim:
        sim.chaos(seed, rate=0.5)
        async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=0) as client:
            for number in range(30):
                try:
                    async with client.messages.stream(**ask(*thread(f"u: {number}"))) as stream:
                        await stream.get_final_message()
                except (anthropic.APIError, httpx2.TransportError):
                    continue
        return [entry.outcome for entry in sim.log]


async def test_chaos_is_the_same_for_the_same_seed() -> None:
    first, second, other = await outcomes(1), await outcomes(1), await outcomes(2)
    assert first == second != other
    assert 5 < sum(outcome != "completed" for outcome in first) < 25


def test_every_kind_of_chaos_comes_once_before_any_comes_twice() -> None:
    chaos = Chaos(seed=3, rate=1.0, kinds=("overloaded", "no_response", "eof", "reset"))
    met = [kind_of(chaos.disturb(Reply())) for _ in range(8)]
    assert len(set(met[:4])) == len(set(met[4:])) == 4


def kind_of(reply: Reply) -> str:
    """The sort of fault, and how the stream ends if it begins."""
    return f"{type(reply.fault).__name__} {getattr(reply.fault, 'how', '')}"


async def test_unknown_chaos_is_refused(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="earthquake"):
        sim.chaos(1, 0.5, ("earthquake",))


async def test_a_body_over_32_megabytes_is_refused(sim: Simulator) -> None:
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    async with httpx2.AsyncClient(base_url=sim.base_url, headers=headers) as raw:
        response = await raw.post("/v1/messages", content=b" " * (32 * 1024 * 1024 + 1))
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "request_too_large"


async def test_stopping_the_simulator_cuts_open_streams() -> None:
    async with Simulator() as sim:
        sim.script(faults.silence("Some text"))
        async with AsyncAnthropic(base_url=sim.base_url, api_key="k", max_retries=0) as client:
            async with client.messages.stream(**ask()) as stream:
                heard = stream.text_stream
                await anext(heard)
                stopping = asyncio.create_task(sim.stop())
                with pytest.raises(httpx2.TransportError):
                    await anext(heard)
                await stopping


async def test_a_slow_reader_does_not_lose_anything(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text=words(60_000), chunk=40, thinking=""))
    async with client.messages.with_streaming_response.create(
        stream=True, **ask(max_tokens=128_000)
    ) as response:
        await asyncio.sleep(0.05)  # the buffers fill meanwhile; the outcome does not depend on how far
        body = b"".join([part async for part in response.iter_bytes()])
    assert body.count(b'"text_delta"') == -(-len(words(60_000)) // 40)
    assert body.endswith(b'data: {"type":"message_stop"}\n\n')
