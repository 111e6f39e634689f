"""The messages that can come back: those of the branch that stand before the window."""

from collections.abc import Sequence
from dataclasses import dataclass

from context.messages import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is known of each message without reading it, oldest first; columns, because there may be thousands.

    `tokens` are estimated sizes, `at` times in milliseconds, `standing` and `preferring` the positions of the messages that
    state a rule or a preference. A position is an index into the columns.
    """

    ids: Sequence[str]
    roles: Sequence[Role]
    tokens: Sequence[int]
    at: Sequence[int]
    standing: frozenset[int] = frozenset()
    preferring: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One message as it was said, to be quoted from. `at` in milliseconds since 1970 UTC."""

    id: str
    role: Role
    at: int
    text: str
