"""Background jobs: each has a deadline, what goes wrong with one is logged by name, and none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from chat.background import jobs
from chat.background.jobs import Job
from chat.background.scheduler import Scheduler
from tests.waiting import LIMIT

QUICK = Job(name="quick", deadline=0.01)
PATIENT = Job(name="patient", deadline=60)
SCARCE = Job(name="scarce", deadline=60, at_most=2)


async def forever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("not now")


async def late_itself() -> None:
    """A time limit of the job's own is no deadline passed."""
    raise TimeoutError


@pytest.mark.parametrize(
    ("job", "work", "event"),
    [
        (QUICK, forever, "background_task.timed_out"),
        (PATIENT, broken, "background_task.failed"),
        (PATIENT, late_itself, "background_task.failed"),
    ],
)
async def test_what_goes_wrong_is_logged_by_name(
    job: Job, work: Callable[[], Awaitable[None]], event: str
) -> None:
    scheduler = Scheduler(stop_grace=0.05)
    with capture_logs() as logged:
        assert scheduler.start(job, work, thread_id="t")
        await scheduler.settled()
    assert [(entry["event"], entry["task"], entry["thread_id"]) for entry in logged] == [
        (event, job.name, "t")
    ]


async def test_a_job_that_hangs_keeps_no_other_from_running() -> None:
    scheduler, done = Scheduler(stop_grace=0.05), asyncio.Event()

    async def work() -> None:
        done.set()

    scheduler.start(PATIENT, forever)
    scheduler.start(PATIENT, work)
    await asyncio.wait_for(done.wait(), LIMIT)
    await scheduler.stop()


async def test_more_jobs_of_a_kind_than_may_run_are_left_out() -> None:
    scheduler = Scheduler(stop_grace=0.05)
    assert [scheduler.start(SCARCE, forever) for _ in range(3)] == [True, True, False]
    assert scheduler.free(SCARCE) == 0
    assert scheduler.start(PATIENT, forever), "another kind has places of its own"
    await scheduler.stop()


async def test_settled_waits_for_what_jobs_start_too() -> None:
    scheduler, steps = Scheduler(stop_grace=0.05), list[str]()

    async def second() -> None:
        steps.append("second")

    async def first() -> None:
        steps.append("first")
        scheduler.start(PATIENT, second)

    scheduler.start(PATIENT, first)
    await scheduler.settled()
    assert steps == ["first", "second"]


async def test_a_stop_lets_jobs_finish_cancels_what_hangs_and_starts_no_more() -> None:
    scheduler, ended = Scheduler(stop_grace=0.05), list[str]()

    async def almost_done() -> None:
        while not scheduler.stopping:  # noqa: ASYNC110 - the stop itself is what is waited for
            await asyncio.sleep(0)
        ended.append("finished")

    async def hangs() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    scheduler.start(PATIENT, almost_done)
    scheduler.start(PATIENT, hangs)
    scheduler.repeat(PATIENT, 60, forever)
    await scheduler.stop()
    assert ended == ["finished", "cancelled"]
    assert not scheduler.start(PATIENT, forever)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == PATIENT.name]


def test_every_job_has_a_name_of_its_own_and_a_deadline() -> None:
    kinds: list[Any] = [value for value in vars(jobs).values() if isinstance(value, Job)]
    assert len({job.name for job in kinds}) == len(kinds) >= 7
    hours = {job.name: job.deadline for job in kinds if not 0 < job.deadline <= 1_800}
    assert hours == {"search_index": 86_400}, "its batches are short, and millions of messages have many"


def test_a_keepalive_ends_before_its_claim_does() -> None:
    from chat.background.keepalive import CLAIM

    assert jobs.KEEPALIVE.deadline * 1_000 < CLAIM
