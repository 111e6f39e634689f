"""Plans the next turn of a thread again and again, and counts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, select

from chat.api.deps import Deps
from chat.app import running
from chat.planning.model_branches import ModelBranches
from chat.planning.planner import Planning, body_of
from chat.planning.thread_snapshot import ThreadSnapshot, load
from chat.runtime.deployment import Deployment
from context.cache.cache_state_update import after_request
from context.models.pricing import Usage
from context.planning.plan import TurnInputs, plan
from context.routing.choice import Pins, Route, choose
from store import cache_states, tables
from store.database import Database, Work
from store.local_user import LOCAL
from store.turns import Turn
from tests.bench.planning import thread as long_thread
from tests.palaver import settings_for
from tests.upstream import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Microseconds, and steps of SQLite's machine, for one thread; recall's first turn in this process apart from those after it.

    plan: `context.planning.plan.plan` alone; whole: all of a later turn's planning, its recipe made durable; window, recall: what of it is
    reading; bare: the newest messages by primary key.
    """

    messages: int
    plan: float
    window: float
    recall_first: float
    recall: float
    whole: float
    bare: float
    window_steps: int
    recall_first_steps: int
    recall_steps: int
    bare_steps: int


@dataclass(slots=True)
class Counter:
    """Steps of SQLite's machine since it was last reset."""

    steps: int = 0

    def step(self) -> int:
        self.steps += 1
        return 0

    @contextmanager
    def counting(self, database: Database) -> Iterator[None]:
        """Count what reads do; it makes them slow."""
        self.steps = 0
        read = database.read

        def watched(connection: Connection, work: Work[Any]) -> Any:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(self.step, 1)
            try:
                return work(connection)
            finally:
                driver.set_progress_handler(None, 0)

        async def counted(work: Work[Any]) -> Any:
            return await read(partial(watched, work=work))

        with patch.object(database, "read", counted):
            yield


async def measure(folder: Path, sizes: tuple[int, ...], repeats: int) -> list[Cost]:
    """The costs of planning in threads of these lengths, all in one database."""
    async with Simulator() as sim, running(settings_for(folder, sim)) as deps:
        costs = []
        for size in sizes:
            count = size + 1 - size % 2
            thread = await long_thread.write(deps.database, count)
            costs.append(await _costs(deps, thread, count, size, repeats))
        return costs


def fixed(deployment: Deployment) -> Route:
    """The route to the standard tier: one model's plan is measured, whatever the router would say."""
    return choose(None, Pins(default="standard"), deployment.candidates)


async def _costs(deps: Deps, thread: str, count: int, size: int, repeats: int) -> Cost:
    deployment, database = deps.deployment, deps.database
    route = fixed(deployment)
    counter = Counter()

    def work() -> Planning:
        return _work(deps, thread, long_thread.leaf_of(count))

    async def planned() -> Planning:
        planning = work()
        plan = await planning.plan(route)
        await database.write(await planning.recipe_write(plan, body_of(plan)))
        return planning

    async def window() -> ThreadSnapshot:
        return await _load(work(), route.model_id)

    async def bare() -> None:
        query = select(tables.messages).order_by(tables.messages.c.pk.desc()).limit(long_thread.WINDOW)
        await database.read(lambda connection: connection.execute(query).all())

    await _warm(
        deps, await planned()
    )  # caches of the process are filled, and the cache state's prefix is cached
    snapshot = await window()

    async def recall() -> None:
        planning = work()
        planning.started_at = deps.clock.now()
        planning.loaded = snapshot
        await planning.search(route.model_id, snapshot.path[-1].text)

    async def steps(act: Callable[[], Awaitable[object]]) -> int:
        with counter.counting(database):
            await act()
        return counter.steps

    async def recall_first() -> None:
        deps.runtime.outlines.forget(LOCAL, thread)
        await recall()

    return Cost(
        messages=size,
        plan=1e6 * _alone(deps, await planned(), repeats),
        window=1e6 * await _typical(window, repeats),
        recall_first=1e6 * await _typical(recall_first, 5),
        recall=1e6 * await _typical(recall, repeats),
        whole=1e6 * await _typical(planned, repeats),
        bare=1e6 * await _typical(bare, repeats),
        window_steps=await steps(window),
        recall_first_steps=await steps(recall_first),
        recall_steps=await steps(recall),
        bare_steps=await steps(bare),
    )


async def _load(work: Planning, model_id: str) -> ThreadSnapshot:
    return await load(
        work.runtime,
        LOCAL,
        work.turn.thread_id,
        work.turn.user_message_id,
        tokens=work.runtime.deployment.policy.window_cap,
        models=(model_id,),
    )


async def _typical(act: Callable[[], Awaitable[object]], repeats: int) -> float:
    """Seconds, the median of some."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        await act()
        times.append(time.perf_counter() - began)
    return median(times)


def _alone(deps: Deps, work: Planning, repeats: int) -> float:
    """Seconds of the pure plan, the median of some."""
    route = fixed(deps.deployment)
    snapshot, model = work.snapshot, route.model_id
    inputs, branch = ModelBranches(runtime=deps.runtime, snapshot=snapshot, now=work.started_at).of(model)
    turn = TurnInputs(route=route, branch=branch)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        plan(inputs, turn)
        times.append(time.perf_counter() - began)
    return median(times)


async def _warm(deps: Deps, work: Planning) -> None:
    """The cache state as it is behind the first turn: its prefix is cached."""
    planned = await work.plan(fixed(deps.deployment))
    cache_state = after_request(
        work.snapshot.cache_state(planned.recipe.model),
        planned.cache_use,
        started_at=work.started_at,
        actual_usage=Usage(cache_write_5m=planned.estimate.total, output=200),
        upstream_id=None,
        policy=deps.deployment.policy,
    )
    await deps.database.write(
        lambda connection: cache_states.put(
            connection, LOCAL, work.turn.thread_id, cache_state, turn_id=work.turn.id, next_at=None
        )
    )


def _work(deps: Deps, thread: str, leaf: str) -> Planning:
    turn = Turn(
        id="turn none",
        owner_id=LOCAL,
        thread_id=thread,
        user_message_id=leaf,
        message_id="none",
        status="running",
        requested_model=None,
        token=None,
        feature=None,
        fingerprint="",
        window_start=None,
        plan=None,
        usage=None,
        error=None,
        last_seq=0,
        cancel_requested=False,
        log_kept=True,
        created_at=deps.clock.now(),
        finished_at=None,
    )
    return Planning(turn=turn, runtime=deps.runtime)
