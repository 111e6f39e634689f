"""What the client does, as values: generators of these decide everything, and a driver, blocking or not, carries each step out.

`Steps[T]` are sent the outcome of each step and return a T; `Stream` deliver values with `Deliver` on the way.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request, complete."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read the whole answer. Outcome: `Reply` or `Lost`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request for an event stream, which stays open if the status is 200. Outcome: `Reply` (without a body then) or `Lost`.

    `silence`: seconds without a byte after which the connection counts as lost.
    """

    request: Request
    silence: float


@dataclass(frozen=True, slots=True)
class Next:
    """Read the next event of the open stream. Outcome: `Received`, `Lost`, or None at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open stream."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand a value to whoever iterates."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the server, whatever its status. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Received:
    """One event of a stream: its data, and the milliseconds to wait before coming back, if the stream says so."""

    data: str
    retry: int | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed, or ended too early."""

    cause: Exception | None = None


Step = Send | Open | Next | Close | Pause
Steps = Generator[Step, Any, T]
Stream = Generator[Step | Deliver, Any, None]
