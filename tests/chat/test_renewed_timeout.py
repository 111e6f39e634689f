"""One timer for many waits: each is limited as `asyncio.timeout` limits it."""

import asyncio

import pytest

from chat.renewed_timeout import RenewedTimeout


async def test_a_wait_that_takes_too_long_times_out_however_many_went_before() -> None:
    timeout = RenewedTimeout(3_600)
    for _ in range(20):
        with timeout:
            await asyncio.sleep(0)
    timeout.seconds = 0.01
    for _ in range(2):
        with pytest.raises(TimeoutError), timeout:
            await asyncio.Event().wait()
    timeout.close()


async def test_the_timer_that_is_due_waits_on_while_the_present_wait_is_young() -> None:
    timeout = RenewedTimeout(3_600)
    with timeout:
        timeout._look()
        await asyncio.sleep(0)
    assert timeout._timer is not None
    timeout.close()


async def test_time_between_two_waits_does_not_count() -> None:
    timeout = RenewedTimeout(3_600)
    with timeout:
        pass
    timeout.seconds = 0
    timeout._look()  # the timer is due now
    await asyncio.sleep(0)
    timeout.seconds = 3_600
    with timeout:
        await asyncio.sleep(0)
    timeout.close()


async def test_a_limit_made_shorter_counts_for_the_next_wait() -> None:
    timeout = RenewedTimeout(3_600)
    with timeout:
        pass
    timeout.seconds = 0.01
    with pytest.raises(TimeoutError), timeout:
        await asyncio.Event().wait()
    timeout.close()


async def waiting(timeout: RenewedTimeout) -> asyncio.Task[None]:
    """A task that waits without end, within the timeout."""
    entered = asyncio.Event()

    async def wait() -> None:
        with timeout:
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await entered.wait()
    return task


async def test_a_cancellation_from_outside_stays_one() -> None:
    timeout = RenewedTimeout(3_600)
    task = await waiting(timeout)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    timeout.close()


async def test_a_cancellation_that_comes_with_the_timeout_is_not_lost() -> None:
    timeout = RenewedTimeout(3_600)
    task = await waiting(timeout)
    timeout._began_at = float("-inf")
    timeout._look()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    timeout.close()
