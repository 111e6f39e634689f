"""Group commit on SQLite: writes that arrive while a commit is on its way to the disk share the next transaction.

Functions that share one have a savepoint each, and none is acknowledged before the commit has returned. If a batch fails because of one of its writes, they
are repeated one by one, so that a bad write harms only itself. If another program holds the lock, the batch fails as one after SQLite's
busy timeout.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from store.driver_errors import translated
from store.errors import StoreLocked, StoreUnavailable
from store.savepoint import savepoint

log = structlog.get_logger()

Work = Callable[[Connection], Any]
Transaction = Callable[[Work], Awaitable[Any]]

BATCH = 256  # most writes in one transaction: bounds how long the first of them waits


@dataclass(slots=True)
class _Pending:
    """A write that waits for its commit."""

    work: Work
    done: asyncio.Future[Any]
    context: Context = field(default_factory=copy_context)  # of the caller, for its log lines


class GroupCommit:
    """The writer of one SQLite file: one task, one connection. `transaction` runs a function as one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._run = transaction
        self._queue: asyncio.Queue[_Pending] = asyncio.Queue()
        self._writer_task: asyncio.Task[None] | None = None
        self._closing = False

    async def submit(self, work: Work) -> Any:
        """Carry out a write with whatever else waits; returns when it is durable. Raises what `work` raises, or StoreError."""
        if self._writer_task is None:
            self._start_writer()
        pending = _Pending(work, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(pending)
        # A cancelled caller stops waiting; the write itself completes.
        return await asyncio.shield(pending.done)

    async def close(self) -> None:
        """Finish the waiting writes and stop."""
        if self._writer_task is not None:
            await self._queue.join()
            self._closing = True
            self._writer_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer_task
            self._writer_task = None
            self._closing = False

    def _start_writer(self) -> None:
        # Without the context of the caller that happens to be first.
        self._writer_task = asyncio.create_task(self._write_forever(), name="store-writer", context=Context())
        self._writer_task.add_done_callback(self._writer_ended)

    def _writer_ended(self, task: asyncio.Task[None]) -> None:
        """Start the writer again if it died: a cancellation that a write let escape must not stop all writes."""
        if task is self._writer_task and not self._closing:
            kind = "CancelledError" if task.cancelled() else type(task.exception()).__name__
            log.error("database.writer_restarted", kind=kind)
            self._start_writer()

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._commit_together(batch)
            except BaseException:
                for pending in batch:
                    _settle(pending, StoreUnavailable("the write was given up"))
                raise
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _commit_together(self, batch: list[_Pending]) -> None:
        """Commit a batch, or find out which of its writes is to blame."""
        try:
            outcomes = await self._transaction(batch)
        except Exception as failure:  # noqa: BLE001 - whatever it was, it goes to the callers it belongs to
            if len(batch) > 1 and not isinstance(failure, StoreLocked):
                await self._commit_one_by_one(batch)
                return
            outcomes = [failure] * len(batch)
        for pending, outcome in zip(batch, outcomes, strict=True):
            _settle(pending, outcome)

    async def _commit_one_by_one(self, batch: list[_Pending]) -> None:
        for number, pending in enumerate(batch):
            try:
                _settle(pending, (await self._transaction([pending]))[0])
            except StoreLocked as locked:
                for left in batch[number:]:
                    _settle(left, locked)
                return
            except Exception as problem:  # noqa: BLE001 - belongs to this one writer
                _settle(pending, problem)

    async def _transaction(self, batch: list[_Pending]) -> list[Any]:
        """Carry out a batch in one transaction. A result per write, or the exception that write alone raised."""
        with translated():
            outcomes: list[Any] = await self._run(partial(_carry_out, batch=batch))
        return outcomes


def _carry_out(connection: Connection, batch: list[_Pending]) -> list[Any]:
    """Do what a batch asks for, within one transaction."""
    if len(batch) == 1:
        return [batch[0].context.run(batch[0].work, connection)]
    return [pending.context.run(_in_savepoint, connection, pending.work) for pending in batch]


def _in_savepoint(connection: Connection, work: Work) -> Any:
    """Run `work` in a savepoint: its result, or the exception it raised with its changes undone. Raises errors of the database itself."""
    try:
        with savepoint(connection):
            return work(connection)
    except (OperationalError, InterfaceError):
        raise
    except Exception as failure:  # noqa: BLE001 - belongs to this one writer
        return failure


def _settle(pending: _Pending, outcome: Any) -> None:
    if pending.done.done():
        return
    if isinstance(outcome, Exception):
        pending.done.set_exception(outcome)
        pending.done.exception()  # marks it as retrieved: the caller may have left
    else:
        pending.done.set_result(outcome)
