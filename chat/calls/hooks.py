"""What happens, told to whoever watches. Nobody watches by default, and then nothing is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from chat.calls.record import CallRecord


class Hook(Protocol):
    """Somebody who is told. Nothing of it may raise or wait: what it is told of goes on behind it."""

    def call_begins(self, record: CallRecord, body: bytes) -> None: ...

    def call_ended(self, record: CallRecord, *, local: bool) -> None: ...

    def turn_begins(self, turn_id: str) -> None: ...

    def turn_ended(self, turn_id: str, outcome: str) -> None: ...

    def streams(self, change: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """Everybody who watches."""

    hooks: tuple[Hook, ...] = ()

    def call_begins(self, record: CallRecord, body: bytes) -> None:
        """A call is about to wait for its place."""
        for one in self.hooks:
            one.call_begins(record, body)

    def call_ended(self, record: CallRecord, *, local: bool) -> None:
        """A call is over, however it ended."""
        for one in self.hooks:
            one.call_ended(record, local=local)

    def turn_begins(self, turn_id: str) -> None:
        for one in self.hooks:
            one.turn_begins(turn_id)

    def turn_ended(self, turn_id: str, outcome: str) -> None:
        for one in self.hooks:
            one.turn_ended(turn_id, outcome)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Around each event stream somebody follows."""
        for one in self.hooks:
            one.streams(+1)
        try:
            yield
        finally:
            for one in self.hooks:
                one.streams(-1)
