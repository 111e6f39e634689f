"""The public keys of a host that signs its users' tokens, read from its JWKS URL (RFC 7517) and again as they rotate.

An unknown key causes a request at most every PAUSE seconds, so that made-up key ids cannot make this server flood the host. Keys that
are known serve while others are read.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from chat.clock import Clock

log = structlog.get_logger()

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
PAUSE = 10.0  # seconds between two requests at least
RENEWED = 300.0  # seconds after which keys are read again: one that was withdrawn no longer counts then
KEPT = 3_600.0  # seconds keys count while the host does not answer
TIMEOUT = 5.0  # seconds the host has to answer
MOST = 262_144  # bytes of its answer


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key. Equal to another when the host published the same."""

    published: str
    public: PyJWK = field(compare=False, repr=False)


class SigningKeys:
    """The keys behind one URL, by their ids. None is the id of a key that is the only one."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str | None, SigningKey] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._warned = False
        self._lock = asyncio.Lock()

    async def find(self, key_id: str | None) -> SigningKey | None:
        """The key of that id; None when the host has none. Without an id: the only key there is."""
        self._forget_old()
        if key_id not in self._keys:
            await self._read_unless_just_tried()
        return self._keys.get(key_id)

    def has(self, key: SigningKey) -> bool:
        """Whether the host still publishes a key, as far as is known."""
        self._forget_old()
        return key in self._keys.values()

    async def renew(self) -> None:
        """Read the keys again when they are RENEWED seconds old, or were never read."""
        if self._older_than(self._read_at, RENEWED):
            await self._read_unless_just_tried()

    async def _read_unless_just_tried(self) -> None:
        async with self._lock:
            if self._older_than(self._tried_at, PAUSE):
                self._tried_at = self._clock.monotonic()
                await self._read()

    def _forget_old(self) -> None:
        if self._older_than(self._read_at, KEPT):
            self._keys = {}

    def _older_than(self, at: float | None, seconds: float) -> bool:
        return at is None or self._clock.monotonic() - at >= seconds

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                keys = _usable(json.loads(await self._download()))
        except (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            OSError,
            ValueError,
            PyJWTError,
            RecursionError,
        ) as failure:
            # TimeoutError is an OSError. Messages may quote the URL, which may hold a password.
            if not self._warned:
                log.warning("signing_keys.unreadable", kind=type(failure).__name__)
            self._warned = True
            return
        if keys != self._keys:
            log.info("signing_keys.read", keys=len(set(keys.values())))
        self._keys, self._warned = keys, False
        self._read_at = self._clock.monotonic()

    async def _download(self) -> bytes:
        """The host's answer. Raises ValueError for one that is no 200, or too long."""
        answer = bytearray()
        async with (
            httpx2.AsyncClient(follow_redirects=False, timeout=TIMEOUT) as http,
            http.stream("GET", self._url, headers={"accept": "application/json"}) as response,
        ):
            if response.status_code != 200:
                raise ValueError("the status is not 200")
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MOST:
                    raise ValueError("the answer is too long")
        return bytes(answer)


def _usable(published: Any) -> dict[str | None, SigningKey]:
    """The keys that can verify tokens. Raises ValueError or PyJWTError when there is none."""
    if not isinstance(published, dict) or not isinstance(published.get("keys"), list):
        raise ValueError("no JWKS")
    keys: dict[str | None, SigningKey] = {}
    for entry in published["keys"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str | None):
            continue
        try:
            (key,) = PyJWKSet([entry]).keys
        except PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS and entry.get("use", "sig") == "sig":
            keys[entry.get("kid")] = SigningKey(json.dumps(entry, sort_keys=True), key)
    if not keys:
        raise ValueError("no usable key")
    if len(keys) == 1:
        keys = {**keys, None: next(iter(keys.values()))}
    else:
        keys.pop(None, None)
    return keys
