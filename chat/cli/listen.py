"""Listen, as the first thing that `palaver serve` does: whoever comes early waits in the backlog instead of being refused.

Imports little, so that it comes before the second that the SDK and the rest of the server take to load.
"""

import os
import socket
from ipaddress import ip_address

from chat.cli.console import fail
from chat.config.load import BadSettings
from chat.config.settings import Settings

BACKLOG = 1024  # connections that wait until the server is loaded; uvicorn sets its own then
UNSENT_LIMIT = (
    45_000  # milliseconds data may stay unacknowledged before the kernel drops a reader that stopped reading
)
SEND_BUFFER = 262_144  # bytes the kernel may hold for one reader


def check_exposure(settings: Settings) -> None:
    """Exit with 1 if other machines could reach a server that needs no token."""
    if not settings.requires_token and not _is_loopback(settings.host):
        fail(
            f"PALAVER_HOST: {settings.host} can be reached from other machines, and no token is set.\n"
            "Set PALAVER_TOKEN to a long random text, or listen on 127.0.0.1."
        )


def listening(settings: Settings) -> socket.socket:
    """The listening socket of the settings. Exits with 1 where it cannot be had."""
    try:
        return listen(settings.host, settings.port)
    except BadSettings as problem:
        fail(str(problem))


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
