"""Open the database: migrate its schema, add its users, and keep a SQLite file to one process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from filelock import FileLock, Timeout
from sqlalchemy import Connection

from chat.clock import Clock
from chat.config.load import BadSettings
from chat.config.settings import Settings
from store import migrate, sqlite, users
from store.database import Database, ReportLimits
from store.local_user import LOCAL

log = structlog.get_logger()


@asynccontextmanager
async def open_database(settings: Settings, clock: Clock) -> AsyncIterator[Database]:
    """The database, migrated and ready. A SQLite file belongs to one process at a time."""
    async with AsyncExitStack() as stack:
        if settings.database.startswith("sqlite:///"):
            stack.enter_context(_only_process(Path(settings.database.removeprefix("sqlite:///"))))
            _warn_of_old_sqlite()
        reports = ReportLimits(connections=settings.report_connections, seconds=settings.report_seconds)
        database = Database(settings.database, reports)
        stack.push_async_callback(database.close)
        before, after = await migrate.upgrade(database)
        if before != after:
            log.info("database.migrated", before=before, after=after)
        names = {LOCAL: "You", **{token.user: token.user for token in settings.tokens}}

        now = clock.now()

        def ensure_users(connection: Connection) -> None:
            for user_id, name in sorted(names.items()):
                users.ensure(connection, user_id, name, now)

        await database.write(ensure_users)
        yield database


def _only_process(path: Path) -> FileLock:
    """Lock the file the path leads to: through a symbolic link a second process would find no lock."""
    path = path.resolve()
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise BadSettings(
            f"another Palaver process uses {path}; stop it, or give this one another PALAVER_DATA_DIR"
        ) from None
    except OSError as problem:
        raise BadSettings(
            f"PALAVER_DATA_DIR: {path.parent} cannot hold the database: {problem.strerror}"
        ) from None
    return lock


def _warn_of_old_sqlite() -> None:
    library = sqlite.driver()
    if library.sqlite_version_info < sqlite.SAFE_VERSION:
        log.warning(
            "sqlite.outdated",
            sqlite=library.sqlite_version,
            remedy="this SQLite may corrupt a database under load; use Python with SQLite 3.51.3 or newer",
        )
