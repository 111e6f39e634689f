"""Keeping a child alive, with children that are a few lines of Python instead of a model."""

import asyncio
import sys
from pathlib import Path

import pytest

from chat.upstream.local.process import LocalModel, Restarts, sensible_threads
from chat.upstream.local.weights import LocalModelUnavailable
from tests.waiting import LIMIT, until

READY = "import sys, time; print('{\"port\": 4321}', flush=True); "
SERVES = READY + "sys.stdin.read()"
ENDS_SOON = READY + "time.sleep(0.05); sys.exit('out of luck')"
NEVER_READY = "import sys; sys.stdin.read()"
REFUSES = "import sys; sys.exit('no such tensor')"
BABBLES = "import sys; print('hello'); sys.stdout.flush(); sys.stdin.read()"
DEAF = READY + "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def model(script: str, startup_timeout: float = 10.0, most: int = 2) -> LocalModel:
    return LocalModel(
        Path("tiny.gguf"),
        command=(sys.executable, "-c", script),
        startup_timeout=startup_timeout,
        restarts=Restarts(first_delay=0.01, longest_delay=0.02, most=most),
    )


async def test_it_is_ready_once_started_and_stopped_once_stopped() -> None:
    local = model(SERVES)
    await local.start()
    assert (local.status.state, local.base_url) == ("ready", "http://127.0.0.1:4321")
    await local.stop()
    assert local.status.state == "stopped"


async def test_an_address_before_the_start_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="not been started"):
        _ = model(SERVES).base_url


async def test_a_child_that_cannot_serve_fails_the_start_with_its_reason() -> None:
    local = model(REFUSES)
    with pytest.raises(LocalModelUnavailable, match="no such tensor"):
        await local.start()
    assert local.status.state == "stopped"


async def test_a_child_that_says_something_else_fails_the_start_with_what_it_said() -> None:
    with pytest.raises(LocalModelUnavailable, match="hello"):
        await model(BABBLES).start()


async def test_a_child_that_never_gets_ready_fails_the_start_in_time() -> None:
    with pytest.raises(LocalModelUnavailable, match=r"did not start within 0\.5 seconds"):
        await model(NEVER_READY, startup_timeout=0.5).start()


async def test_a_program_that_does_not_exist_fails_the_start() -> None:
    local = LocalModel(Path("tiny.gguf"), command=("palaver-exists-nowhere",))
    with pytest.raises(LocalModelUnavailable, match="could not be started"):
        await local.start()


async def test_a_child_that_ends_again_and_again_is_given_up_with_its_reason() -> None:
    local = model(ENDS_SOON)
    await local.start()
    await until(lambda: local.status.state == "failed")
    assert local.status.restarts == 2
    assert "out of luck" in (local.status.detail or "")
    await local.stop()


async def test_a_model_that_was_given_up_can_be_started_again() -> None:
    local = model(ENDS_SOON, most=0)
    await local.start()
    await until(lambda: local.status.state == "failed")
    await local.start()
    assert local.status.state == "ready"
    await local.stop()


async def test_a_child_that_does_not_listen_is_forced_to_end() -> None:
    local = model(DEAF)
    await local.start()
    async with asyncio.timeout(LIMIT):
        await local.stop()
    assert local.status.state == "stopped"


async def test_stopping_what_does_not_run_does_nothing() -> None:
    await model(SERVES).stop()


def test_delays_double_up_to_a_cap() -> None:
    restarts = Restarts(first_delay=0.5, longest_delay=3.0)
    assert [restarts.delay(ends) for ends in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)])
def test_threads_never_take_the_whole_machine(cores: int, threads: int) -> None:
    assert sensible_threads(cores) == threads
