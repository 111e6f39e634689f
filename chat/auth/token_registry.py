"""Reload access tokens when palaver.toml changes, and end open requests whose token no longer counts.

A file that cannot be used, or is gone, changes nothing: the last good one stays in force. A changed file is read once it has been
unchanged for one check, so that nobody is shut out by a file that is half written. A server that has required tokens once never stops
requiring them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from chat.auth.end_users import EndUsers
from chat.auth.open_request import OpenRequest
from chat.auth.principal import Principal
from chat.auth.tokens import Tokens
from chat.clock import Clock
from chat.config.load import BadSettings, load
from chat.config.settings import Settings
from chat.config.sources import FILE
from chat.errors import Forbidden
from chat.periodic import periodically
from store import users
from store.database import Database
from store.errors import StoreError

log = structlog.get_logger()

INTERVAL = 2.0  # seconds between two checks

Signature = tuple[int, int, int]


class TokenRegistry:
    """The access tokens in force, and the requests that were admitted with them."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._config = settings.config
        self._file = (settings.config or FILE).absolute()
        self._open: dict[OpenRequest, None] = {}
        self._seen = _signature(self._file)
        # None for an existing file too: it may have changed between reading the settings and now.
        self._loaded: Signature | None = None
        self._configured = settings.token, settings.tokens
        self._tokens = tokens_of(settings)
        self.end_users = EndUsers(settings, database, clock)
        self.requires_token = settings.requires_token  # once true it stays so

    def find(self, token: str) -> Principal | None:
        """The principal of a token of the settings; None for an unknown or expired one."""
        return self._tokens.find(token, now=self._clock.now())

    async def admit(self, token: str) -> OpenRequest | None:
        """The request that carries this token: one of the settings, or an end user's. None for any other. Raises StoreError."""
        principal = self.find(token)
        if principal is not None:
            return OpenRequest(token=token, principal=principal)
        return await self.end_users.admit(token)

    async def act_for(self, request: OpenRequest, subject: str) -> OpenRequest:
        """The request as one of an end user, who exists from then on. Raises Forbidden, ValueError for what names nobody, StoreError."""
        backend = request.principal
        if not backend.acts_for_users:
            raise Forbidden("this token may not act for users")
        owner_id = await self.end_users.ensure(subject)
        principal = replace(backend, owner_id=owner_id, admin=False, acts_for_users=False)
        return OpenRequest(token=request.token, principal=principal, backend=backend)

    @contextmanager
    def tracking(self, request: OpenRequest) -> Iterator[None]:
        """Track a request for the length of the block, so that it can be revoked."""
        self._open[request] = None
        try:
            yield
        finally:
            del self._open[request]

    def reloading(self) -> AbstractAsyncContextManager[None]:
        """Check the file again and again, for the length of the block."""
        return periodically("tokens", INTERVAL, self.check)

    async def check(self) -> None:
        """Reload the file if it has changed and is no longer being written, and revoke requests whose token no longer counts."""
        before, self._seen = self._seen, _signature(self._file)
        if self._seen == before and self._seen != self._loaded:
            await self._reload()
        for request in list(self._open):
            if not self._is_valid(request):
                _revoke(request)
        with suppress(StoreError):  # the database is away: nobody's access ends for that
            await self.check_end_users()
        await self.end_users.renew_keys()

    async def check_end_users(self) -> None:
        """Revoke requests of end users whose tokens are revoked, as the database knows them now. Raises StoreError."""
        watched = {request: request.end_user.digest for request in self._open if request.end_user is not None}
        in_force = await self.end_users.in_force(set(watched.values()))
        for request, digest in watched.items():
            if digest not in in_force:
                _revoke(request)

    async def _reload(self) -> None:
        seen = self._seen
        if seen is None:
            self._loaded = seen
            log.warning("tokens.file_missing", file=self._file.name)
            return
        try:
            settings = await asyncio.to_thread(load, config=self._config)
        except BadSettings as problem:  # its message names keys and never values
            self._loaded = seen
            log.warning("tokens.file_invalid", file=self._file.name, reason=str(problem))
            return
        for user in sorted({token.user for token in settings.tokens}):
            await self._database.write(partial(_ensure, user=user, now=self._clock.now()))
        self._loaded = seen  # only now: if the store fails, the reload is tried again
        configured = settings.token, settings.tokens
        if self._configured == configured:
            return
        self._configured, self._tokens = configured, tokens_of(settings)
        self.requires_token = self.requires_token or bool(self._tokens)
        log.info("tokens.reloaded", tokens=len(settings.tokens))

    def _is_valid(self, request: OpenRequest) -> bool:
        """Whether the request would still be admitted, for the same user."""
        if request.token is None:
            return not self.requires_token
        if request.end_user is not None:
            return self.end_users.is_valid(request.end_user)
        principal = self.find(request.token)
        if principal is None or (request.backend is not None and not principal.acts_for_users):
            return False
        return principal.owner_id == (request.backend or request.principal).owner_id


def tokens_of(settings: Settings) -> Tokens:
    """The tokens that settings grant."""
    return Tokens(settings.tokens, None if settings.token is None else settings.token.get_secret_value())


def _revoke(request: OpenRequest) -> None:
    if not request.revoked:
        request.revoked = True
        request.on_revoked()


def _ensure(connection: Connection, user: str, now: int) -> None:
    users.ensure(connection, user, user, now)


def _signature(file: Path) -> Signature | None:
    """A value that changes when the file is written; None when it does not exist."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
