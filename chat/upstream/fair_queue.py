"""Fair queue of waiting calls: replies before background calls, users round-robin, so that one user's many calls delay nobody else."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting calls of one model. The calls of one user are served in the order they came."""

    def __init__(self) -> None:
        self._users: tuple[OrderedDict[str, deque[T]], OrderedDict[str, deque[T]]] = (
            OrderedDict(),  # replies
            OrderedDict(),  # background calls: titles, summaries
        )
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, item: T, *, owner: str, reply: bool) -> None:
        """Append a call to its user's line."""
        self._users[not reply].setdefault(owner, deque()).append(item)
        self._length += 1

    def first(self) -> T | None:
        """The call that is served next."""
        for users in self._users:
            for line in users.values():
                return line[0]
        return None

    def take(self) -> None:
        """Remove the first call; its user's next one comes after every other user's first."""
        for users in self._users:
            for owner, line in users.items():
                line.popleft()
                self._length -= 1
                del users[owner]
                if line:
                    users[owner] = line
                return

    def remove(self, item: T, *, owner: str, reply: bool) -> None:
        """Remove a call that was not served. Does nothing when it is not in the queue."""
        users = self._users[not reply]
        line = users.get(owner)
        if line is None or item not in line:
            return
        line.remove(item)
        self._length -= 1
        if not line:
            del users[owner]

    def in_order(self) -> Iterator[T]:
        """All calls, in the order they would be served if no other came."""
        for users in self._users:
            lines = [list(line) for line in users.values()]
            for index in range(max((len(line) for line in lines), default=0)):
                for line in lines:
                    if index < len(line):
                        yield line[index]
