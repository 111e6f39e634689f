"""A host that signs tokens for its users, with a secret or with keys that it publishes over HTTP."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.chat.auth.tokens import client
from tests.clocks import ScriptedClock
from tests.palaver import Palaver, palaver
from tests.upstream import SimClock, Simulator

SECRET = "a secret of the host, of 43 letters or more".replace(" ", "-")
ISSUER = "https://shop.example"
START = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
SIGNED: dict[str, Any] = {"jwt_secret": SECRET, "jwt_issuer": ISSUER}
"""Settings of a server whose host has a secret."""
KINDS: dict[str, Any] = {
    "RS256": RSAAlgorithm,
    "PS256": RSAAlgorithm,
    "ES256": ECAlgorithm,
    "EdDSA": OKPAlgorithm,
}


def stopped() -> ScriptedClock:
    """A clock that stands at START until a test moves it."""
    return ScriptedClock(SimClock(start=START))


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of Ada that are valid at START, for five minutes. None takes one away."""
    valid = {"sub": "ada", "iat": START, "exp": START + 300, "iss": ISSUER, "aud": "palaver"}
    return {name: value for name, value in {**valid, **changes}.items() if value is not None}


def minted(*, secret: str = SECRET, palaver: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token signed with the secret. `palaver`: its limits."""
    return jwt.encode(claims(palaver=palaver, **changes), secret, algorithm="HS256")


@cache
def private_key(algorithm: str, number: int = 0) -> Any:
    """A key of the host; RSA takes a while to make."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def published(kid: str, algorithm: str, number: int = 0, **more: Any) -> dict[str, Any]:
    """The public half, as a JWKS has it."""
    entry = json.loads(KINDS[algorithm].to_jwk(private_key(algorithm, number).public_key()))
    return {**entry, "kid": kid, "alg": algorithm, "use": "sig", **more}


def signed(kid: str | None, algorithm: str, number: int = 0, **changes: Any) -> str:
    """A token signed with a private key of the host."""
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), private_key(algorithm, number), algorithm=algorithm, headers=headers)


@dataclass(slots=True)
class KeyServer:
    """Publishes keys. `asked`: how often; `answer` stands instead of the keys, as whole HTTP."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    answer: bytes | None = None
    asked: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = json.dumps({"keys": self.keys}).encode()
        writer.write(self.answer or answered(body))
        try:
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def answered(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{more}connection: close\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def key_server(*keys: dict[str, Any]) -> AsyncIterator[KeyServer]:
    """A host's JWKS URL on loopback. The password in it must never be seen again."""
    host = KeyServer(keys=list(keys))
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.url = f"http://reader:planted-password@127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield host
    finally:
        server.close()


@asynccontextmanager
async def of_keys(
    folder: Path, sim: Simulator, *keys: dict[str, Any], **settings: Any
) -> AsyncIterator[tuple[Palaver, KeyServer, ScriptedClock]]:
    """A Palaver whose host publishes keys."""
    clock = stopped()
    async with key_server(*keys) as host:
        settings = {"jwt_jwks_url": host.url, "jwt_issuer": ISSUER, **settings}
        async with palaver(folder, sim, clock=clock, **settings) as app:
            yield app, host, clock


async def status(app: Palaver, token: str | None, path: str = "/api/threads") -> int:
    async with client(app, token) as somebody:
        return (await somebody.get(path)).status_code


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def pem_form() -> tuple[Any, Any]:
    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def hmac_with(key: bytes) -> str:
    """PyJWT itself refuses to sign with a public key as a secret."""
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims()).rpartition(".")[0]
    mac = hmac.digest(key, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
