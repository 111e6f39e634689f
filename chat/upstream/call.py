"""One call to a Messages endpoint: how its request goes out, and what has come back so far."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from chat.upstream.stream_decoder import Decoder
from context.models.pricing import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How a request goes out. `headers` and `query`: beside what the SDK sends; `unstreamed_timeout`: the answer is not streamed, and may take
    that many seconds.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    unstreamed_timeout: float | None = None


STREAMED = SendOptions()


@dataclass(slots=True)
class Call:
    """An open call; every field is right as far as the stream has come.

    `disconnect`: the outcome of a stream that broke after the final count, with only `message_stop` missing. `around`: a context manager
    the request is made in (a trace span). `data`: the bytes of the read whose events are being iterated. `options`: how the request goes out.
    """

    decoder: Decoder = field(default_factory=Decoder)
    upstream_id: str | None = None
    model: str | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    disconnect: str | None = None
    data: bytes = b""
    options: SendOptions = STREAMED
    around: Callable[[], AbstractContextManager[object]] = nullcontext

    @property
    def usage(self) -> Usage:
        return self.decoder.usage

    @property
    def counted(self) -> bool:
        """Whether the provider's own final count has arrived; otherwise usage is a lower bound."""
        return self.decoder.counted
