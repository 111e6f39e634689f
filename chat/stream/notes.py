"""The notes a turn may send: optional news beside the answer, each with its fields. A closed set; clients ignore unknown ones.

A note travels as a `note` event: its `name`, and its fields as `data`. `to_event` and `from_event` are inverse.
"""

from typing import ClassVar, Literal

import msgspec

from chat.stream import events

Name = Literal[
    "route",
    "queue",
    "retry",
    "fallback",
    "cascade",
    "budget",
    "discard",
    "upstream_disconnect",
    "title",
    "storage_delay",
]


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all notes have: a name on the wire. A field with a default is left out where it has that value."""

    name: ClassVar[Name]


class RouteNote(Note, frozen=True, kw_only=True):
    """Which model is asked, and why. `tier` is null for a model outside the tiers."""

    name: ClassVar[Name] = "route"

    model: str
    label: str
    tier: str | None
    reason: str


class QueueNote(Note, frozen=True, kw_only=True):
    """The call waits for a slot. `position` counts from 1."""

    name: ClassVar[Name] = "queue"

    position: int


class RetryNote(Note, frozen=True, kw_only=True):
    """The call is repeated as the turn's call number `attempt`, after `delay` seconds. `reason`: the outcome of the one before."""

    name: ClassVar[Name] = "retry"

    attempt: int
    delay: float
    reason: str


class FallbackNote(Note, frozen=True, kw_only=True):
    """Another model answers because the one before could not. `asked`: the model the person chose, where one was chosen."""

    name: ClassVar[Name] = "fallback"

    # `from` is a keyword of Python.
    from_: str = msgspec.field(name="from")
    to: str
    reason: str
    asked: str | None = None


class CascadeNote(Note, frozen=True, kw_only=True):
    """A better model is asked because the answer before was of no use."""

    name: ClassVar[Name] = "cascade"

    from_: str = msgspec.field(name="from")
    to: str
    tier: str | None
    reason: str


class BudgetNote(Note, frozen=True, kw_only=True):
    """Little is left of a budget: the answer is shorter (`max_tokens`), or of a cheaper model."""

    name: ClassVar[Name] = "budget"

    reason: str
    model: str
    tier: str | None
    max_tokens: int


class DiscardNote(Note, frozen=True, kw_only=True):
    """Parts that belong to an answer which another one replaces: take them away."""

    name: ClassVar[Name] = "discard"

    part_ids: tuple[str, ...]


class UpstreamDisconnectNote(Note, frozen=True, kw_only=True):
    """The connection to the model broke when the answer was complete. `ending`: how."""

    name: ClassVar[Name] = "upstream_disconnect"

    ending: str


class TitleNote(Note, frozen=True, kw_only=True):
    """The thread has a new title."""

    name: ClassVar[Name] = "title"

    title: str


class StorageDelayNote(Note, frozen=True, kw_only=True):
    """The database was away for `seconds`, and what was said meanwhile came late."""

    name: ClassVar[Name] = "storage_delay"

    seconds: float


AnyNote = (
    RouteNote
    | QueueNote
    | RetryNote
    | FallbackNote
    | CascadeNote
    | BudgetNote
    | DiscardNote
    | UpstreamDisconnectNote
    | TitleNote
    | StorageDelayNote
)

KINDS: dict[str, type[AnyNote]] = {kind.name: kind for kind in AnyNote.__args__}


def to_event(note: AnyNote) -> events.Note:
    """The event that carries a note."""
    return events.Note(name=note.name, data=msgspec.to_builtins(note))


def from_event(event: events.Note) -> AnyNote | None:
    """The note an event carries; None for one this version does not know."""
    kind = KINDS.get(event.name)
    if kind is None:
        return None
    try:
        return msgspec.convert(event.data, kind)
    except msgspec.ValidationError:
        return None
