"""Hooks for observers of calls, turns and event streams: metrics and traces. Without observers nothing is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from chat.calls.record import CallRecord


class Hook(Protocol):
    """An observer. Its methods must neither raise nor block: the call or turn waits for them."""

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
        for hook in self.hooks:
            hook.call_started(record, body)

    def call_ended(self, record: CallRecord, *, local: bool) -> None:
        """A call has ended, whatever its outcome."""
        for hook in self.hooks:
            hook.call_ended(record, local=local)

    def turn_started(self, turn_id: str) -> None:
        for hook in self.hooks:
            hook.turn_started(turn_id)

    def turn_ended(self, turn_id: str, outcome: str) -> None:
        for hook in self.hooks:
            hook.turn_ended(turn_id, outcome)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count an open event stream for the length of the block."""
        for hook in self.hooks:
            hook.streams_changed(+1)
        try:
            yield
        finally:
            for hook in self.hooks:
                hook.streams_changed(-1)
