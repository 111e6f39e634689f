"""Admit end users by the tokens that their host signs. A user exists from the first valid token on."""

from cachetools import LRUCache
from sqlalchemy import Connection

from chat.auth.open_request import OpenRequest
from chat.auth.signed_tokens import SignedTokens
from chat.clock import Clock
from chat.config.end_users import EndUsers as EndUserSettings
from store import users
from store.database import Database

SEEN = 10_000  # users that surely exist, so that nothing is written for their requests


class EndUsers:
    """The users of a host, as its tokens name them."""

    def __init__(self, settings: EndUserSettings, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._signed = SignedTokens(settings, clock)
        self._seen: LRUCache[str, None] = LRUCache(SEEN)

    async def admit(self, token: str) -> OpenRequest | None:
        """The request that carries this token; None for one that is not valid. Raises StoreError."""
        verified = await self._signed.verify(token)
        if verified is None:
            return None
        await self._ensure(verified.principal.owner_id, verified.subject)
        return OpenRequest(token=token, principal=verified.principal, verified=verified)

    def is_in_force(self, request: OpenRequest) -> bool:
        """Whether the token of a request that was admitted still counts."""
        return request.verified is not None and self._signed.is_in_force(request.verified)

    async def renew_keys(self) -> None:
        """Read the host's public keys again if it is time."""
        await self._signed.renew_keys()

    async def _ensure(self, owner_id: str, name: str) -> None:
        """Make sure that a user exists."""
        if owner_id in self._seen:
            return
        now = self._clock.now()

        def write(connection: Connection) -> None:
            users.ensure(connection, owner_id, name, now)

        await self._database.write(write)
        self._seen[owner_id] = None
