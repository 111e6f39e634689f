"""Which system prompts other threads keep warm: the provider's cache does not care whose request wrote an entry."""

from dataclasses import dataclass, field

WARM = 300_000  # milliseconds a prompt another thread used is relied on


@dataclass(slots=True)
class Prefixes:
    """For each (model, tools) the two threads that used it last. Only what this process saw; a guess too few costs little."""

    _last: dict[tuple[str, tuple[str, ...]], list[tuple[str, int]]] = field(default_factory=dict)

    def sent(self, model_id: str, tools: tuple[str, ...], thread: str, at: int) -> None:
        """A thread sent a request that begins with the system prompt."""
        known = [one for one in self._last.get((model_id, tools), []) if one[0] != thread]
        self._last[(model_id, tools)] = [*known[-1:], (thread, at)]

    def shared(self, model_id: str, tools: tuple[str, ...], thread: str, now: int) -> bool:
        """Whether another thread has just used the same beginning."""
        return any(other != thread and now - at < WARM for other, at in self._last.get((model_id, tools), []))
