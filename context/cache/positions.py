"""The blocks of a prompt in the order of the cache: what a cache breakpoint stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Row(NamedTuple):
    """A block of a prompt: its name, the key of the prefix it ends, its estimated tokens and the share by which they may be off."""

    at: str
    key: str
    tokens: float
    relative_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One block of the prompt: its name for a breakpoint, the key of everything up to it, and how many tokens that is.

    `error`: how far `tokens` may be off, 0 where a bill told them. `kind` matters only for runs of tool blocks, which count as one position; no breakpoint may stand on an empty or a thinking block.
    """

    at: str
    key: str
    tokens: int
    error: int = 0
    kind: str = "text"

    def surely_reaches(self, minimum: int) -> bool:
        """Whether it certainly ends a prefix of so many tokens."""
        return self.tokens - self.error >= minimum

    def may_reach(self, minimum: int) -> bool:
        """Whether it may end a prefix of so many tokens."""
        return self.tokens + self.error >= minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All blocks of a prompt. Index 0 is the system prompt, `fixed` the last block before the summary (the thread's instructions, if it has any), `head` the
    last one before the window, `newest` the new user text.

    Without a summary `head` is `fixed`. The last position is no block but the end of the prompt, whatever the provider adds included.
    `rows`: what the positions were estimated from, with the sizes `known` from bills by key.
    """

    positions: Sequence[Position]
    head: int
    newest: int
    fixed: int = 0
    rows: Sequence[Row] = ()
    known: Mapping[str, int] = field(default_factory=dict)
