"""The messages that can be recalled: those of the branch that stand before the window."""

from collections.abc import Sequence
from dataclasses import dataclass

from context.messages import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is known of each message without reading it, oldest first; columns, because there may be thousands.

    `tokens` are estimated sizes, `at` times in milliseconds, `typical` is the mean size of the user's messages, `instructions`,
    `preferring` and `telling` are the positions of the messages that state a rule, a preference, or when something was, `speaking` of those
    that begin with a name in the question. A position is an index into the columns.
    """

    roles: Sequence[Role]
    tokens: Sequence[int]
    at: Sequence[int]
    typical: float
    instructions: Sequence[int] = ()
    preferring: Sequence[int] = ()
    telling: Sequence[int] = ()
    speaking: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.tokens)


def typical(roles: Sequence[Role], tokens: Sequence[int]) -> float:
    """The mean size of the user's messages, at least 1."""
    sizes = [size for size, role in zip(tokens, roles, strict=True) if role == "user"]
    return max(1.0, sum(sizes) / len(sizes)) if sizes else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One message as it was said, to be quoted from. `at` in milliseconds since 1970 UTC; its text up to `sent` is in the window already."""

    id: str
    role: Role
    at: int
    text: str
    sent: int = 0
