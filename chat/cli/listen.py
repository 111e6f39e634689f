"""Listen, as the first thing that `palaver serve` does: whoever comes early waits in the backlog instead of being refused.

Imports little, so that it comes before the second that the SDK and the rest of the server take to load.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from chat.cli.console import fail
from chat.cli.unix_socket import unix_socket
from chat.config.load import BadSettings
from chat.config.settings import Settings

BACKLOG = 1024  # connections that wait until the server is loaded; uvicorn sets its own then
UNSENT_LIMIT = (
    45_000  # milliseconds data may stay unacknowledged before the kernel drops a reader that stopped reading
)
SEND_BUFFER = 262_144  # bytes the kernel may hold for one reader


def check_exposure(settings: Settings) -> None:
    """Exit with 1 if other machines could reach a server that needs no token."""
    if settings.uds is None and not settings.requires_token and not _is_loopback(settings.host):
        fail(
            f"PALAVER_HOST: {settings.host} can be reached from other machines, and no token is set.\n"
            "Set PALAVER_TOKEN to a long random text, or listen on 127.0.0.1."
        )


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The listening socket of the settings for the length of the block. Raises BadSettings where it cannot be had."""
    if settings.uds is None:
        with listen(settings.host, settings.port) as bound:
            yield bound
        return
    with unix_socket(settings.uds, int(settings.uds_mode, 8), BACKLOG) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        yield bound


def shown_address(bound: socket.socket, path: str) -> str:
    """What is printed as the server's address: a URL, or `unix:` and the socket's file."""
    address = bound.getsockname()
    if isinstance(address, str):
        return f"unix:{address}" + (f" under {path}" if path != "/" else "")
    host, port = address[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{'localhost' if host in {'0.0.0.0', '::'} else shown}:{port}{path}"  # noqa: S104 - compared, not bound


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections are dropped when a reader stops reading. Raises BadSettings.

    It listens before anything serves it: an early client waits in the backlog instead of being refused.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit both: a reader that stops costs a bounded buffer and is gone within a minute.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_LIMIT)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as problem:
        raise BadSettings(
            f"PALAVER_HOST, PALAVER_PORT: cannot listen on {host}:{port}: {problem.strerror}"
        ) from None
    bound.setblocking(False)
    return bound


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
