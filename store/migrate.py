"""Migrate a database's schema with Alembic, in one transaction: a failed migration leaves the old state.

Alembic is loaded only where there is something to migrate. Revisions are the numbers with which the files of the migrations begin.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from store import sqlite
from store.database import Database
from store.errors import SchemaTooNew, SqliteTooOld, StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

# Key of the Postgres advisory lock that lets one replica migrate at a time. Any number, as long as every version uses the same.
MIGRATION_LOCK = 7_120_426


def config() -> "Config":
    """Alembic's configuration for Palaver's own migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    return config


@cache
def revisions() -> tuple[str, ...]:
    """The revisions this version of Palaver knows, oldest first."""
    names = (path.name for path in files("store.migrations.versions").iterdir())
    return tuple(sorted(name.partition("_")[0] for name in names if re.match(r"\d+_.*\.py$", name)))


def head() -> str:
    """The newest revision this version of Palaver knows."""
    return revisions()[-1]


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
    if revision is not None and revision not in revisions():
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
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection, target: str) -> tuple[str | None, str | None]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    before = revision(connection)
    if before == head() and target in ("head", before):
        return before, before
    from alembic import command

    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, target)
    return before, revision(connection)
