"""Admit end users by their tokens: those that this server issued, and those that their host signs.

Both are stored by digest, a signed one when it is first seen, so that each can be listed and revoked. What is known of tokens is
forgotten every two seconds, so that a revocation counts at all replicas.
"""

from collections.abc import Collection
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from cachetools import LRUCache
from pydantic import ValidationError
from sqlalchemy import Connection

from chat.auth.grants import Grant, owner_of
from chat.auth.open_request import EndUserToken, OpenRequest
from chat.auth.tokens import PREFIX, new_token
from chat.clock import Clock
from chat.config.end_users import EndUsers as EndUserSettings
from chat.config.tokens import ISSUED_TOKEN, SIGNED_TOKEN
from store import access_tokens, users
from store.access_tokens import AccessToken
from store.database import Database

if TYPE_CHECKING:
    from chat.auth.signed_tokens import SignedTokens, VerifiedToken

REMEMBERED = (
    4_000  # tokens that were in force a moment ago, and users who exist: not every request asks the database
)
HINT = 4  # characters of a token that are stored and shown


class EndUsers:
    """The end users of a deployment, as their tokens name them."""

    def __init__(self, settings: EndUserSettings, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._signed: SignedTokens | None = None
        if settings.verifies_tokens:
            from chat.auth import signed_tokens  # loads PyJWT and its cryptography

            self._signed = signed_tokens.SignedTokens(settings, clock)
        self._known: LRUCache[str, EndUserToken] = LRUCache(REMEMBERED)
        self._existing: LRUCache[str, None] = LRUCache(REMEMBERED)

    async def admit(self, token: str) -> OpenRequest | None:
        """The request that carries this token; None for one that does not count. Raises StoreError."""
        digest = sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        known = self._known.get(digest)
        if known is None or not self.is_valid(known):
            known = await self._find(token, digest)
            if known is None:
                return None
            self._known[digest] = known
        return OpenRequest(token=token, principal=known.principal, end_user=known)

    async def issue(self, subject: str, grant: Grant, seconds: int) -> tuple[str, AccessToken]:
        """Issue a token to an end user, for so many seconds. It cannot be recovered later. Raises ValueError and StoreError."""
        token, now = new_token(), self._clock.now()
        row = self._row(token, subject, grant, signed=False, issued_at=now, expires_at=now + seconds * 1_000)
        await self._database.write(partial(self._store, row=row, name=subject, now=now))
        return token, row

    async def ensure(self, subject: str) -> str:
        """The id of an end user, who exists from now on. Raises ValueError for what names nobody, and StoreError."""
        owner_id, now = owner_of(subject), self._clock.now()
        if owner_id not in self._existing:
            await self._database.write(partial(_ensure, user_id=owner_id, name=subject, now=now))
            self._existing[owner_id] = None
        return owner_id

    def is_valid(self, token: EndUserToken) -> bool:
        """Whether a token that counted has not expired, and its key was not withdrawn."""
        if self._clock.now() >= token.expires_at:
            return False
        return self._signed is None or self._signed.counts(token.key)

    async def in_force(self, digests: Collection[str]) -> set[str]:
        """Those of the tokens that are not revoked, as the database knows them now; what was known is forgotten. Raises StoreError."""
        self._known.clear()
        if not digests:
            return set()
        return await self._database.read(
            partial(access_tokens.in_force, digests=digests, now=self._clock.now())
        )

    async def renew_keys(self) -> None:
        """Read the host's public keys again if it is time."""
        if self._signed is not None:
            await self._signed.renew_keys()

    async def _find(self, token: str, digest: str) -> EndUserToken | None:
        if token.startswith(PREFIX):
            row = await self._database.read(partial(access_tokens.find, digest=digest, now=self._clock.now()))
            return None if row is None or row.signed else _issued(row)
        verified = None if self._signed is None else await self._signed.verify(token)
        if verified is None or not await self._is_in_force(token, digest, verified):
            return None
        return EndUserToken(
            digest=digest,
            principal=verified.grant.principal(verified.owner_id, SIGNED_TOKEN),
            expires_at=verified.expires_at,
            key=verified.key,
        )

    async def _is_in_force(self, token: str, digest: str, verified: "VerifiedToken") -> bool:
        """Whether a signed token is not revoked. It is stored when it is first seen."""
        now = self._clock.now()

        def look(connection: Connection) -> tuple[bool, bool]:
            found = access_tokens.find(connection, digest, now) is not None
            return found, found or access_tokens.is_known(connection, digest)

        found, known = await self._database.read(look)
        if known:
            return found
        # Where the host's clock is ahead, it would else outlive a revocation of all tokens that were issued until now.
        issued_at = min(verified.issued_at, now)
        row = self._row(
            token,
            verified.subject,
            verified.grant,
            signed=True,
            issued_at=issued_at,
            expires_at=verified.expires_at,
        )
        return await self._database.write(partial(self._store, row=row, name=verified.subject, now=now))

    def _row(
        self, token: str, subject: str, grant: Grant, *, signed: bool, issued_at: int, expires_at: int
    ) -> AccessToken:
        return AccessToken(
            id=self._clock.new_id("tok"),
            digest=sha256(token.encode()).hexdigest(),
            user_id=owner_of(subject),
            signed=signed,
            hint=token[-HINT:],
            limits=grant.model_dump(mode="json", exclude_defaults=True),
            issued_at=issued_at,
            expires_at=expires_at,
        )

    @staticmethod
    def _store(connection: Connection, row: AccessToken, name: str, now: int) -> bool:
        """Store a token, and its user if there is none. False: all tokens of the user that old are revoked."""
        users.ensure(connection, row.user_id, name, now)
        access_tokens.add(connection, row)
        return access_tokens.find(connection, row.digest, now) is not None


def _ensure(connection: Connection, user_id: str, name: str, now: int) -> None:
    users.ensure(connection, user_id, name, now)


def _issued(row: AccessToken) -> EndUserToken | None:
    """A token of this server; None where its limits are of another version, which this one cannot keep."""
    try:
        grant = Grant.model_validate(row.limits)
    except ValidationError:
        return None
    return EndUserToken(
        digest=row.digest,
        principal=grant.principal(row.user_id, ISSUED_TOKEN),
        expires_at=row.expires_at,
    )
