"""Verify tokens that a host signs for its users: JWTs (RFC 7519) with `sub`, `iat`, `exp`, `iss`, `aud` and, for limits, `palaver`.

Keys and the algorithm that each is for come from the settings and the host's published keys, never from the token (RFC 8725, 3.1).
Times are compared with the server's clock.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import jwt
import structlog
from jwt.exceptions import PyJWTError
from pydantic import ValidationError

from chat.auth.grants import Grant, owner_of
from chat.auth.signing_keys import SigningKey, SigningKeys
from chat.clock import Clock
from chat.config.end_users import EndUsers

log = structlog.get_logger()

SECRET_ALGORITHM = "HS256"  # noqa: S105 - the name of an algorithm
LEEWAY = 60_000  # milliseconds by which the host's clock may be ahead
LONGEST = 16_384  # characters of a token
CLAIM = "palaver"  # holds a Grant
OPTIONS: Final[jwt.types.Options] = {
    "require": ["sub", "iat", "exp", "iss", "aud"],
    # PyJWT would compare them with the machine's clock.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "enforce_minimum_key_length": True,
}
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What a valid token says. Times in milliseconds since 1970 UTC; `key`: None for the secret."""

    subject: str
    grant: Grant
    issued_at: int
    expires_at: int
    key: SigningKey | None

    @property
    def owner_id(self) -> str:
        return owner_of(self.subject)


class SignedTokens:
    """Verifies tokens by the host's secret, its published keys, or either."""

    def __init__(self, settings: EndUsers, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        url = settings.jwt_jwks_url
        self._keys = None if url is None else SigningKeys(url.get_secret_value(), clock)

    async def verify(self, token: str) -> VerifiedToken | None:
        """What the token says; None for one that is not valid now."""
        if len(token) > LONGEST or not _SHAPE.fullmatch(token):
            return None
        try:
            return await self._verify(token)
        except (PyJWTError, ValidationError, ValueError, RecursionError) as refusal:
            # Its message may quote the token.
            log.debug("signed_token.refused", kind=type(refusal).__name__)
            return None

    def counts(self, key: SigningKey | None) -> bool:
        """Whether tokens that were verified by a key still count: the host publishes it, or it is the secret (None)."""
        return key is None or (self._keys is not None and self._keys.has(key))

    async def renew_keys(self) -> None:
        """Read the host's keys again if it is time."""
        if self._keys is not None:
            await self._keys.renew()

    async def _verify(self, token: str) -> VerifiedToken:
        header = jwt.get_unverified_header(token)
        key: SigningKey | None = None
        if header.get("alg") == SECRET_ALGORITHM:
            secret = self._settings.jwt_secret
            if secret is None:
                raise ValueError("there is no secret")
            claims = self._claims(token, secret.get_secret_value(), SECRET_ALGORITHM)
        else:
            key = None if self._keys is None else await self._keys.find(header.get("kid"))
            if key is None:
                raise ValueError("the host has no such key")
            claims = self._claims(token, key.public, key.public.algorithm_name)
        issued_at, expires_at = self._checked_times(claims)
        owner_of(claims["sub"])  # raises for what names nobody
        return VerifiedToken(
            subject=claims["sub"],
            grant=Grant.model_validate(claims.get(CLAIM, {})),
            issued_at=issued_at,
            expires_at=expires_at,
            key=key,
        )

    def _claims(self, token: str, key: str | jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._settings.jwt_audience,
            issuer=self._settings.jwt_issuer,
            options=OPTIONS,
        )
        return claims

    def _checked_times(self, claims: dict[str, Any]) -> tuple[int, int]:
        """When the token was issued and expires, in milliseconds. Raises ValueError unless it is valid now, and not for too long."""
        now = self._clock.now()
        issued, expires, begins = (_milliseconds(claims.get(name, 0)) for name in ("iat", "exp", "nbf"))
        if now >= expires or max(issued, begins) > now + LEEWAY:
            raise ValueError("the token is not valid now")
        if expires - issued > self._settings.jwt_max_seconds * 1_000:
            raise ValueError("the token is valid for too long")
        return issued, expires


def _milliseconds(value: object) -> int:
    """A NumericDate (RFC 7519, section 2), in milliseconds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**11:
        raise ValueError("no time")
    return int(value * 1_000)
