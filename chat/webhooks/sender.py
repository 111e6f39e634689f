"""Post deliveries to one endpoint: signed, without redirects, in limited time, to public addresses unless others are allowed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from standardwebhooks import Webhook

from chat.webhooks.endpoint import Endpoint
from chat.webhooks.public_addresses import PrivateAddress, public_socket

TIMEOUT = 15.0
"""Seconds from looking up the name to the status of the answer. Its body is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one try ended. `result`: the HTTP status, or why there is none."""

    accepted: bool
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """An open session with an endpoint."""

    endpoint: Endpoint
    session: aiohttp.ClientSession

    async def post(self, id: str, body: str, now: int) -> Outcome:
        """Try one delivery. `now` in milliseconds: receivers refuse what is signed minutes before or after their own present."""
        headers = {
            "content-type": "application/json",
            "user-agent": "palaver",
            **signature(self.endpoint.secret, id, body, now),
        }
        try:
            # A redirect would send the signed body to an address nobody configured.
            async with self.session.post(
                self.endpoint.url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                return Outcome(accepted=200 <= answer.status < 300, result=str(answer.status))
        except TimeoutError:
            return Outcome(accepted=False, result="timeout")
        except aiohttp.ClientConnectorError as problem:
            private = isinstance(problem.os_error, PrivateAddress)
            return Outcome(accepted=False, result="private address" if private else type(problem).__name__)
        except (aiohttp.ClientError, OSError, ValueError) as problem:  # their texts may contain the URL
            return Outcome(accepted=False, result=type(problem).__name__)


@asynccontextmanager
async def sending(endpoint: Endpoint, *, timeout: float = TIMEOUT) -> AsyncIterator[Sender]:
    """A session for some deliveries. `timeout` in seconds.

    A proxy of the environment is used only where private addresses are allowed: through it nobody here sees the address.
    """
    connector = aiohttp.TCPConnector(
        force_close=True,  # each try looks the name up anew
        use_dns_cache=False,
        socket_factory=None if endpoint.allow_private else public_socket,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=endpoint.allow_private,
    ) as session:
        yield Sender(endpoint=endpoint, session=session)


def signature(secret: str, id: str, body: str, now: int) -> dict[str, str]:
    """The headers that name and sign a delivery. `now` in milliseconds."""
    seconds = now // 1000
    key = secret if secret.startswith("whsec_") else secret.encode()
    signed = Webhook(key).sign(id, datetime.fromtimestamp(seconds, UTC), body)
    return {"webhook-id": id, "webhook-timestamp": str(seconds), "webhook-signature": signed}
