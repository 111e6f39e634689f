"""Compress responses: which coding a client takes, and gzip for what is made on request.

Compression hides no secret from somebody who can make a browser send requests and watch their lengths (BREACH). Here it need not:
access is by a header that no foreign page can set, never by a cookie, so a foreign page's requests read nothing.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

SMALLEST = 512  # bytes: less fits one packet anyway
LEVEL = 5  # zlib's: level 9 takes twice the time and saves another 1 % of JSON
IN_THREAD = 32 * 1024  # bytes that are compressed beside the event loop, and not in it: above 1 ms


def choose(accept: str | None, available: Sequence[str]) -> str | None:
    """The coding of `available` (best first) that `Accept-Encoding` likes most; None: the plain bytes. RFC 9110, 12.5.3."""
    weights: dict[str, float] = {}
    for item in (accept or "").lower().split(","):
        name, _, parameter = item.partition(";")
        key, _, value = parameter.partition("=")
        weights[name.strip()] = _weight(value) if key.strip() == "q" else 1.0
    others = weights.get("*", 0.0)
    best = max(available, key=lambda coding: weights.get(coding, others), default=None)
    if best is None:
        return None
    weight = weights.get(best, others)
    # Plain bytes are as good as a coding unless they are named with a weight of their own.
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


def _weight(value: str) -> float:
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0  # a client that cannot be understood gets plain bytes


class Gzip(GZipMiddleware):
    """Starlette's gzip: event streams pass as they are, other streams are flushed chunk by chunk. Adds that `q=0` is a no."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if choose(Headers(scope=scope).get("accept-encoding"), ("gzip",)) is None:
            plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            scope = {**scope, "headers": plain}
        await super().__call__(scope, receive, send)


GZIP = Middleware(Gzip, minimum_size=SMALLEST, compresslevel=LEVEL, thread_minimum_size=IN_THREAD)
