"""Listen on a Unix socket: a file whose permissions decide who may connect."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chat.config.load import BadSettings

WAIT = 1.0  # seconds a server that listens there may take to accept a connection


@contextmanager
def unix_socket(path: Path, mode: int, backlog: int) -> Iterator[socket.socket]:
    """A listening socket at `path` with the permissions `mode`; its file is removed with the block.

    A file that a server left behind when it was killed is replaced. Raises BadSettings for a path where somebody listens, which holds
    something else than a socket, or where none can be made.
    """
    try:
        bound, made = _listen(path, mode, backlog)
    except OSError as problem:
        raise BadSettings(f"PALAVER_UDS: cannot listen on {path}: {problem.strerror or problem}") from None
    try:
        with bound:
            yield bound
    finally:
        with suppress(OSError), _alone_in(path.parent):
            if _identity(path) == made:  # else another server has replaced it
                path.unlink()


def _listen(path: Path, mode: int, backlog: int) -> tuple[socket.socket, tuple[int, int, int]]:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets")
    with _alone_in(path.parent):
        _remove_stale(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
            path.chmod(mode)
            made = _identity(path)
            bound.listen(backlog)  # from here on somebody can connect: only whom the permissions allow
        except OSError:
            bound.close()
            raise
    assert made is not None  # noqa: S101 - it was bound
    bound.setblocking(False)
    return bound, made


def _remove_stale(path: Path) -> None:
    """Remove a socket on which nobody listens. Raises OSError when somebody does, or when it is no socket."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError("there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(WAIT)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except (TimeoutError, BlockingIOError):  # its queue is full
            raise OSError("another server listens there") from None
        else:
            raise OSError("another server listens there")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Servers that start or stop at the same moment look at a folder's sockets one after the other."""
    import fcntl  # POSIX only, as Unix sockets are here

    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from another one of the same name; numbers of deleted files are used again."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
