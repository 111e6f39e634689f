"""Migrate a database's schema with Alembic, in one transaction: a failed migration leaves the old state."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from store import sqlite
from store.database import Database
from store.errors import SchemaTooNew, SqliteTooOld, StoreUnavailable

# Key of the Postgres advisory lock that lets one replica migrate at a time. Any number, as long as every version uses the same.
MIGRATION_LOCK = 7_120_426


def config() -> Config:
    """Alembic's configuration for Palaver's own migrations."""
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    return config


@cache
def _scripts() -> ScriptDirectory:
    """The package's migrations: a dozen modules, loaded once."""
    return ScriptDirectory.from_config(config())


def head() -> str:
    """The newest revision this version of Palaver knows."""
    newest = _scripts().get_current_head()
    assert newest is not None, "the package carries its migrations"  # noqa: S101 - a broken package, not bad input
    return newest


async def upgrade(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrate forward and return the revision before and after.

    Raises StoreError when the database cannot be used, DBAPIError when a migration fails.
    """
    await current(database)
    try:
        return await database.write(partial(_upgrade, target=revision))
    except StoreUnavailable as failure:
        if type(failure) is StoreUnavailable and isinstance(failure.__cause__, DBAPIError):
            raise failure.__cause__ from None  # it answered just now: what is wrong is the statement
        raise


async def current(database: Database) -> str | None:
    """The database's revision; None when it is empty. Raises StoreError when the database cannot be used."""
    if database.dialect == "sqlite":
        check_sqlite()
    with connecting():
        stored = await database.write(revision)
    check_known(stored)
    return stored


def check_known(revision: str | None) -> None:
    """Raises SchemaTooNew for a revision that this version of Palaver does not have."""
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaTooNew(
            f"the database has the schema {revision} of a newer Palaver, and this one knows {head()} at most: "
            "install that version, or restore the backup from before the update"
        )


def check_sqlite() -> None:
    """Raises SqliteTooOld."""
    library = sqlite.driver()
    if library.sqlite_version_info < sqlite.LEAST_VERSION:
        raise SqliteTooOld(
            f"SQLite {library.sqlite_version} is too old: {'.'.join(map(str, sqlite.LEAST_VERSION))} or newer is needed; "
            "use a newer Python, or install pysqlite3 where it has a wheel"
        )


@contextmanager
def connecting() -> Iterator[None]:
    """Translate what asyncpg raises while it connects: there SQLAlchemy passes the driver's own errors on."""
    try:
        yield
    except Exception as problem:
        if not type(problem).__module__.startswith("asyncpg"):
            raise
        sqlstate = str(getattr(problem, "sqlstate", None) or "")
        if sqlstate.startswith(("28", "3D")):  # wrong user or password; no such database
            raise StoreUnavailable(
                "the database server refuses the login, or has no such database"
            ) from problem
        raise StoreUnavailable(f"the database cannot be used ({type(problem).__name__})") from problem


def revision(connection: Connection) -> str | None:
    """The revision a connection sees; works on a read-only one too."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, target: str) -> tuple[str | None, str | None]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    before = revision(connection)
    if before == head() and target in ("head", before):
        return before, before
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, target)
    return before, revision(connection)
