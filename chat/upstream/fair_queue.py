"""Who goes next when calls must wait: answers before side calls, and users in turn, so that nobody's many calls delay another's one."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting calls of one model. Each user's own are served in the order they came."""

    def __init__(self) -> None:
        self._users: tuple[OrderedDict[str, deque[T]], OrderedDict[str, deque[T]]] = (
            OrderedDict(),  # answers somebody waits for
            OrderedDict(),  # titles, summaries
        )
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, one: T, *, owner: str, reply: bool) -> None:
        """Stand at the end of the user's own line."""
        self._users[not reply].setdefault(owner, deque()).append(one)
        self._length += 1

    def first(self) -> T | None:
        """Who is served next."""
        for users in self._users:
            for line in users.values():
                return line[0]
        return None

    def take(self) -> None:
        """The first one goes; its user's next stands behind everybody else's first."""
        for users in self._users:
            for owner, line in users.items():
                line.popleft()
                self._length -= 1
                del users[owner]
                if line:
                    users[owner] = line
                return

    def remove(self, one: T, *, owner: str, reply: bool) -> None:
        """Leave without having been served; one that is not there is no trouble."""
        users = self._users[not reply]
        line = users.get(owner)
        if line is None or one not in line:
            return
        line.remove(one)
        self._length -= 1
        if not line:
            del users[owner]

    def in_order(self) -> Iterator[T]:
        """Everybody, in the order they would be served if nobody else came."""
        for users in self._users:
            lines = [list(line) for line in users.values()]
            for slot in range(max((len(line) for line in lines), default=0)):
                for line in lines:
                    if slot < len(line):
                        yield line[slot]
