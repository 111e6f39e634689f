"""The tokens in force: read again when palaver.toml changes, and the requests that were let in with them, until they no longer count.

A file that cannot be used, or is gone, changes nothing: the last good one stays in force. It is read when it has rested for one look,
so that nobody is shut out by a file that is half written. A server that has asked for tokens once never stops doing so.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.auth.principal import Principal
from chat.auth.tokens import Tokens
from chat.clock import Clock
from chat.config.settings import BadSettings, Settings, load
from chat.periodic import periodically
from store import users
from store.database import Database

log = structlog.get_logger()

FILE = Path("palaver.toml")
PAUSE = 2.0  # seconds between two looks

Signature = tuple[int, int, int]


@dataclass(slots=True, eq=False)
class Visit:
    """A request while it lasts. `over`: what let it in no longer does; `wake` is called when that happens."""

    token: str | None
    principal: Principal
    over: bool = False
    wake: Callable[[], None] = lambda: None


class TokenRegistry:
    """Who is let in at the moment."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._file = FILE.absolute()
        self._visits: dict[Visit, None] = {}
        self._seen = _signature(self._file)
        # None also for a file that is there: it may have changed since the settings were read, for starting takes a while.
        self._read: Signature | None = None
        self._as_set = settings.token, settings.tokens
        self._tokens = tokens_of(settings)
        self.asks = bool(self._tokens)  # for a token; once it does it stays so

    def find(self, token: str) -> Principal | None:
        """Who carries this token; None for an unknown or expired one."""
        return self._tokens.find(token, now=self._clock.now())

    @contextmanager
    def visiting(self, visit: Visit) -> Iterator[None]:
        """Around a request."""
        self._visits[visit] = None
        try:
            yield
        finally:
            del self._visits[visit]

    def watching(self) -> AbstractAsyncContextManager[None]:
        """Look again and again, for the length of the block."""
        return periodically("tokens", PAUSE, self.look)

    async def look(self) -> None:
        """Read the file if it has changed and rests, and end what tokens no longer allow."""
        before, self._seen = self._seen, _signature(self._file)
        if self._seen == before and self._seen != self._read:
            await self._read_again()
        for visit in list(self._visits):
            if not visit.over and not self._still(visit):
                visit.over = True
                visit.wake()

    async def _read_again(self) -> None:
        seen = self._seen
        if seen is None:
            self._read = seen
            log.warning("palaver.toml is gone; the tokens stay as they were")
            return
        try:
            settings = await asyncio.to_thread(load)
        except BadSettings as problem:  # its words name keys and never values
            self._read = seen
            log.warning("palaver.toml cannot be used; the tokens stay as they were", reason=str(problem))
            return
        for user in sorted({token.user for token in settings.tokens}):
            await self._database.write(partial(_ensure, user=user, now=self._clock.now()))
        self._read = seen  # not before: what the store could not take is tried again
        if self._as_set == (as_set := (settings.token, settings.tokens)):
            return
        self._as_set, self._tokens = as_set, tokens_of(settings)
        self.asks = self.asks or bool(self._tokens)
        log.info("read the tokens again", tokens=len(settings.tokens))

    def _still(self, visit: Visit) -> bool:
        if visit.token is None:
            return not self.asks
        found = self.find(visit.token)
        return found is not None and found.owner_id == visit.principal.owner_id


def tokens_of(settings: Settings) -> Tokens:
    """The tokens that settings grant."""
    return Tokens(settings.tokens, None if settings.token is None else settings.token.get_secret_value())


async def _ensure(connection: AsyncConnection, user: str, now: int) -> None:
    await users.ensure(connection, user, user, now)


def _signature(file: Path) -> Signature | None:
    """What changes when a file is written; None for one that is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
