"""Replicas tell each other of the models through a real Redis, and do without it when it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from chat.cli.doctor import examine
from chat.upstream.client import Timeouts
from chat.upstream.replica_events import ReplicaEvent
from context.limits.headroom import UNKNOWN
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver, settings_for
from tests.redis import RedisServer
from tests.upstream import Reply, Simulator, faults
from tests.upstream.limits import Limits
from tests.waiting import until

MODEL = "claude-sonnet-5-5"


@asynccontextmanager
async def replicas(
    folder: Path, sim: Simulator, redis: RedisServer, *names: str, **settings: Any
) -> AsyncIterator[list[Palaver]]:
    """Servers that share a Redis; each has a database of its own, so that nothing else tells them of each other."""
    async with AsyncExitStack() as stack:
        apps = []
        for name in names:
            fields = {"fallback": False, "redis_url": redis.url, "queue_seconds": 1, **settings}
            server = palaver(folder / name, sim, clock=QuickClock(), timeouts=Timeouts(), **fields)
            apps.append(await stack.enter_async_context(server))
        await until_listening(redis, len(apps))
        yield apps


async def until_listening(redis: RedisServer, replicas: int) -> None:
    """Wait until so many replicas have subscribed, as Redis counts them."""

    async def listening() -> bool:
        return int((await answer_of(redis, "PUBSUB NUMSUB palaver:models", lines=4))[3][1:]) >= replicas

    await until(listening)


async def answer_of(redis: RedisServer, words: str, *, lines: int = 1) -> list[bytes]:
    """The lines Redis answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
    writer.write(f"{words}\r\n".encode())
    answer = [await reader.readline() for _ in range(lines)]
    writer.close()
    await writer.wait_closed()
    return answer


def open_breakers(app: Palaver) -> bool:
    return MODEL in app.deps.runtime.caller.admission.open_breakers()


async def test_failures_count_together_and_a_model_rests_for_all(
    tmp_path: Path, sim: Simulator, redis_server: RedisServer
) -> None:
    async with replicas(tmp_path, sim, redis_server, "a", "b") as (a, b):
        sim.script(*[faults.overloaded(should_retry=False) for _ in range(5)])
        for number in range(3):
            await a.chat(f"t{number}", "Hello")
        assert not open_breakers(a)
        for number in range(2):
            await b.chat(f"t{number}", "Hello")
        await until(lambda: open_breakers(a) and open_breakers(b))
        assert (await a.chat("next", "Hello"))["status"] == "failed"
        assert len(sim.requests) == 5
        async with replicas(tmp_path, sim, redis_server, "late", fallback=True) as (late,):
            await until(lambda: open_breakers(late))
            turn = await late.chat("t", "Hello")
            assert turn["message"]["model"] != MODEL, "who comes late knows it from the start"


async def test_a_model_one_replica_must_wait_for_is_held_for_all(
    tmp_path: Path, sim: Simulator, redis_server: RedisServer
) -> None:
    async with replicas(tmp_path, sim, redis_server, "a", "b") as (a, b):
        sim.script(faults.rate_limited(120))
        assert (await a.chat("t", "Hello"))["error"]["code"] == "rate_limited"
        admission = b.deps.runtime.caller.admission
        await until(lambda: admission.headroom(MODEL).held_until > 0)
        assert (await b.chat("t", "Hello"))["error"]["code"] == "rate_limited"
        assert len(sim.requests) == 1


async def test_what_one_replica_reads_of_the_limits_bounds_the_others(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with (
        Simulator(limits=Limits(requests=10)) as sim,
        replicas(tmp_path, sim, redis_server, "a", "b") as (a, b),
    ):
        for number in range(8):
            await a.chat(f"t{number}", "Hello")
        admission = b.deps.runtime.caller.admission
        await until(lambda: admission.headroom(MODEL) != UNKNOWN)
        await b.say("t", "Hello")
        await until(lambda: admission.waiting == 1)
        assert len(sim.requests) == 8


async def test_calls_one_replica_has_under_way_count_for_the_others_until_they_end(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with (
        Simulator(limits=Limits(requests=10)) as sim,
        replicas(tmp_path, sim, redis_server, "a", "b", queue_seconds=60) as (a, b),
    ):
        await a.chat("first", "Hello")
        gates = [app.deps.runtime.caller.admission for app in (a, b)]
        await until(lambda: all(admission.headroom(MODEL) != UNKNOWN for admission in gates))
        headers = sim.gate()  # none of them has been told how many requests are left
        sim.respond(lambda _: Reply(text="Yes.", head_gate=headers))
        for number in range(4):
            await a.say(f"t{number}", "Hello")
        await until(lambda: len(sim.requests) == 5 and len(gates[1].remote_needs(MODEL)) == 4)
        for number in range(5):
            await b.say(f"t{number}", "Hello")
        await until(lambda: gates[1].waiting == 2 and len(sim.requests) >= 8)
        assert len(sim.requests) == 8, "together they stay below 80% of ten"
        headers.open()
        await until(lambda: gates[1].remote_needs(MODEL) == [])


async def several_tries(redis: RedisServer) -> None:
    """Stand in for the dead Redis, break every connection, and wait until it was tried again several times."""
    tries = 0

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", redis.port):
        await until(lambda: tries >= 4)


async def test_without_redis_each_replica_decides_alone_and_says_so_once(
    tmp_path: Path, sim: Simulator, redis_server: RedisServer
) -> None:
    with structlog.testing.capture_logs() as logged:
        async with replicas(tmp_path, sim, redis_server, "a", "b", requests_per_minute=1_000) as (a, b):
            redis_server.kill()
            for number in range(3):
                assert (await a.chat(f"t{number}", "Hello"))["status"] == "completed"
            assert (await b.chat("t", "Hello"))["status"] == "completed"
            await several_tries(redis_server)
            sim.script(*[faults.overloaded(should_retry=False) for _ in range(5)])
            for number in range(5):
                await a.chat(f"f{number}", "Hello")
            assert (open_breakers(a), open_breakers(b)) == (True, False)
            redis_server.start()
            await until_listening(redis_server, 2)
            sim.script(*[faults.overloaded(should_retry=False) for _ in range(5)])
            for number in range(5):
                await b.chat(f"f{number}", "Hello", model="complex")
            await until(lambda: "claude-opus-5-5" in a.deps.runtime.caller.admission.open_breakers())
    lost = sorted(
        entry["event"] for entry in logged if "redis" in entry["event"] and entry["log_level"] == "warning"
    )
    assert lost == [*["rate_limit.redis_unreachable"] * 2, *["redis.connection_lost"] * 2]


async def test_a_replica_that_may_hear_and_not_speak_for_a_while_speaks_again(
    tmp_path: Path, sim: Simulator, redis_server: RedisServer
) -> None:
    """As in a failover: Redis refuses to be written to, and no connection breaks."""
    with structlog.testing.capture_logs() as logged:
        async with replicas(tmp_path, sim, redis_server, "a", "b") as (a, b):
            speaking, hearing = (app.deps.runtime.caller.admission for app in (a, b))

            def publish_hold(model: str) -> None:
                assert speaking.publish is not None
                speaking.publish(ReplicaEvent(model=model, type="model_held", seconds=100))

            assert await answer_of(redis_server, "REPLICAOF 127.0.0.1 9") == [b"+OK\r\n"]
            publish_hold("claude-opus-5-5")
            await until(lambda: "redis.connection_lost" in str(logged))
            assert await answer_of(redis_server, "REPLICAOF NO ONE") == [b"+OK\r\n"]

            def heard() -> bool:
                publish_hold(MODEL)
                return hearing.headroom(MODEL).held_until > 0

            await until(heard, pause=0.1)


async def test_the_doctor_says_whether_redis_answers(
    tmp_path: Path, sim: Simulator, redis_server: RedisServer
) -> None:
    async def says() -> list[str]:
        findings = await examine(settings_for(tmp_path, sim, redis_url=redis_server.url))
        return [finding.state for finding in findings if finding.what == "Redis"]

    assert await says() == ["good"]
    redis_server.kill()
    assert await says() == ["note"]


async def test_a_redis_that_is_not_there_hinders_nobody(tmp_path: Path, sim: Simulator) -> None:
    async with palaver(
        tmp_path, sim, redis_url="redis://127.0.0.1:9/0", requests_per_minute=3, timeouts=Timeouts()
    ) as app:
        assert [(await app.http.get("/api/info")).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_an_address_is_counted_over_all_replicas(
    tmp_path: Path, sim: Simulator, redis_server: RedisServer
) -> None:
    async with replicas(tmp_path, sim, redis_server, "a", "b", requests_per_minute=5) as (a, b):
        statuses = [(await app.http.get("/api/info")).status_code for app in (a, a, a, b, b, b, a)]
        assert statuses == [200] * 5 + [429] * 2
