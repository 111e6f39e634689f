"""Which system prompts other threads keep in the provider's cache: an entry serves every thread whose request begins the same."""

from dataclasses import dataclass, field

WARM = 300_000  # milliseconds after another thread's request during which its cache entry is relied on


@dataclass(slots=True)
class SharedPrompts:
    """For each (model, tools) the two threads that cached it last. Only what this process saw; a guess too few costs little."""

    _last: dict[tuple[str, tuple[str, ...]], list[tuple[str, int]]] = field(default_factory=dict)

    def sent(self, model_id: str, tools: tuple[str, ...], thread: str, at: int) -> None:
        """Remember that a thread's request wrote or renewed the entry of the system prompt, at a time in milliseconds."""
        others = [use for use in self._last.get((model_id, tools), []) if use[0] != thread]
        self._last[(model_id, tools)] = [*others[-1:], (thread, at)]

    def shared(self, model_id: str, tools: tuple[str, ...], thread: str, now: int) -> bool:
        """Whether another thread has just sent a request with the same beginning."""
        return any(other != thread and now - at < WARM for other, at in self._last.get((model_id, tools), []))
