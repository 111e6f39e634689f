"""The blocks of a prompt in the order of the cache: what a cache breakpoint stands on."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One block of the prompt: its name for a breakpoint, the key of everything up to it, and how many tokens that is.

    `kind` matters only for runs of tool blocks, which count as one position; no breakpoint may stand on an empty or a thinking block.
    """

    at: str
    key: str
    tokens: int
    kind: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All blocks of a prompt. Index 0 is the system prompt, `head` the last block before the window, `newest` the new user text.

    Without a summary `head` is 0 too.
    """

    positions: Sequence[Position]
    head: int
    newest: int
