"""Hooks for observers of calls, turns and event streams: metrics and traces. Without observers nothing is measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from chat.calls.record import CallRecord

log = structlog.get_logger()


class Hook(Protocol):
    """An observer. Its methods must not block: the call or turn waits for them. What they raise is logged."""

    def call_started(self, record: CallRecord, body: bytes) -> None: ...

    def call_ended(self, record: CallRecord, *, local: bool) -> None: ...

    def turn_started(self, turn_id: str) -> None: ...

    def turn_ended(self, turn_id: str, outcome: str) -> None: ...

    def streams_changed(self, change: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """All observers of this process."""

    hooks: tuple[Hook, ...] = ()

    def call_started(self, record: CallRecord, body: bytes) -> None:
        """A call is about to wait for its slot."""
        self._each(lambda hook: hook.call_started(record, body))

    def call_ended(self, record: CallRecord, *, local: bool) -> None:
        """A call has ended, whatever its outcome."""
        self._each(lambda hook: hook.call_ended(record, local=local))

    def turn_started(self, turn_id: str) -> None:
        self._each(lambda hook: hook.turn_started(turn_id))

    def turn_ended(self, turn_id: str, outcome: str) -> None:
        self._each(lambda hook: hook.turn_ended(turn_id, outcome))

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count an open event stream for the length of the block."""
        self._each(lambda hook: hook.streams_changed(+1))
        try:
            yield
        finally:
            self._each(lambda hook: hook.streams_changed(-1))

    def _each(self, notify: Callable[[Hook], None]) -> None:
        """Notify every observer. What one raises is logged: no call and no turn fails because it was observed."""
        for hook in self.hooks:
            try:
                notify(hook)
            except Exception:
                log.exception("hook.failed", hook=type(hook).__name__)
