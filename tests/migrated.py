"""A migrated SQLite file, made once per process: a test copies it instead of migrating a file of its own.

Migrations from an empty file are proved by `tests/store/test_migrations.py` and by every test that starts the real command.
"""

import asyncio
import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from store import migrate
from store.database import Database


async def copy_migrated(path: Path) -> None:
    """Put a migrated, empty database at `path`, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(await asyncio.to_thread(migrated_file), path)


@cache
def migrated_file() -> Path:
    """The file to copy. Runs an event loop of its own."""
    folder = tempfile.mkdtemp(prefix="palaver-migrated-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "palaver.db"

    async def make() -> None:
        database = Database(f"sqlite:///{path}")
        await migrate.upgrade(database)
        await database.close()

    asyncio.run(make())
    return path
