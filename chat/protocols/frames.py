"""Read the frames of a turn's stream back into events. The frames are those of `chat.stream.events.frame`."""

from collections.abc import Iterator

from chat.stream.events import TurnEvent, decode

DATA = b"data: "


def events_of(frames: bytes) -> Iterator[TurnEvent]:
    """The events in whole frames; comments, `id:` and `retry:` lines carry none."""
    for line in frames.split(b"\n"):
        if line.startswith(DATA):
            yield decode(line[len(DATA) :])
