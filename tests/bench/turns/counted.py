"""Palaver with counters in its SQLite driver: `python -m tests.bench.turns.counted FILE serve …`. SIGUSR1 writes the counts to FILE, as JSON.

All that Palaver does with SQLite are calls to the threads of aiosqlite's connections. Each is counted, and so is what SQLite itself
traces: the statements, those that begin and end transactions apart.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import aiosqlite

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "END")


class Counters:
    """Counts of all connections. `install` puts them into aiosqlite."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = Lock()  # connections have threads of their own
        self._writing: WeakKeyDictionary[aiosqlite.Connection, bool] = WeakKeyDictionary()

    def install(self) -> None:
        counters, execute = self, aiosqlite.Connection._execute

        async def counted(self: aiosqlite.Connection, fn: Any, *args: Any, **kwargs: Any) -> Any:
            counters.count("calls")
            traced = partial(counters._traced, self, partial(fn, *args, **kwargs))
            return await execute(self, traced)  # type: ignore[no-untyped-call]

        aiosqlite.Connection._execute = counted  # type: ignore[method-assign]

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def write(self, path: Path) -> None:
        """Write the counts to a file, which is there only when it is whole."""
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(self.counts))
        os.replace(unfinished, path)

    def _traced(self, connection: aiosqlite.Connection, work: Callable[[], Any]) -> Any:
        """Run `work` on the connection's thread, whose statements are traced from its first call on."""
        if connection not in self._writing:
            self._writing[connection] = False
            connection._conn.set_trace_callback(partial(self._statement, connection))
        return work()

    def _statement(self, connection: aiosqlite.Connection, text: str) -> None:
        """Count one statement; SQLite calls this before it runs. Statements of triggers come as comments."""
        words = text.lstrip().upper()
        if words.startswith("--"):
            return
        if not words.startswith(CONTROL):
            self.count("statements")
        elif words.startswith("BEGIN"):
            self._writing[connection] = "IMMEDIATE" in words
        elif words.startswith(("COMMIT", "END")) and self._writing[connection]:
            self.count("commits")
        elif words.startswith(("COMMIT", "END", "ROLLBACK")) and not words.startswith("ROLLBACK TO"):
            self.count("rollbacks" if self._writing[connection] else "snapshots")
        else:
            self.count("savepoints" if words.startswith("SAVEPOINT") else "other control")


def main() -> None:
    counters, path = Counters(), Path(sys.argv.pop(1))
    counters.install()
    signal.signal(signal.SIGUSR1, lambda *_: counters.write(path))
    from chat.cli.main import main as palaver

    palaver()


if __name__ == "__main__":
    main()
