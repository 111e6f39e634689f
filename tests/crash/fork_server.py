"""A process that has imported Palaver and forks servers on request: `python -m tests.crash.fork_server`.

One line of JSON in per server: `{"argv": [...], "environment": {...}, "log": path}`; one line out: its process id.
"""

import json
import os
import signal
import sys
from typing import Any

import uvloop  # noqa: F401 - imported late by the command, early here

from chat.cli import main as cli


def main() -> None:
    """Serve requests until standard input ends. Children that die are reaped by the kernel."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(order)
        print(pid, flush=True)


def _become(order: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for target in (1, 2):
        os.dup2(log, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(order["environment"])
    sys.argv = ["palaver", *order["argv"]]
    code = 1
    try:
        cli.main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
