"""A real PostgreSQL for tests: one server per session on loopback, one fresh database per test, gone afterwards."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from store import migrate
from store.database import Database

MISSING = "PostgreSQL is not installed (Debian package: postgresql): its tests cannot run"
STARTING = 20.0  # seconds a server may take to start


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; `url` lacks the database's name."""

    url: str
    pid: int

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The URL of a new, empty database that exists for the length of the block."""
        name = f"t{secrets.token_hex(6)}"
        await self._admin(f"CREATE DATABASE {name}")
        try:
            yield f"{self.url}/{name}"
        finally:
            await self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(f"{self.url}/postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`."""
    pg_config = shutil.which("pg_config")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if pg_config is not None:
        output = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        folders.insert(0, Path(output.stdout.strip()))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def server() -> Iterator[Server]:
    """Start a server without fsync in a temporary folder; it is stopped by its process id."""
    folder = programs()
    if folder is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    home = Path(tempfile.mkdtemp(prefix="palaver-postgres-"))
    user = _unprivileged()
    try:
        password = secrets.token_hex(16)
        (home / "password").write_text(password)
        if user is not None:
            shutil.chown(home, user)
            shutil.chown(home / "password", user)
        data, port = home / "data", _free_port()
        subprocess.run(
            [folder / "initdb", "-D", data, "-U", "palaver", "--pwfile", home / "password", "-A", "password",
             "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            user=user, cwd=home, check=True, capture_output=True,
        )  # fmt: skip
        options = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
            "full_page_writes": "off", "synchronous_commit": "off", "max_connections": 60,
            "shared_buffers": "64MB", "autovacuum": "off",
        }  # fmt: skip
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [folder / "postgres", "-D", data, *arguments], user=user, cwd=home, stderr=log, stdout=log
            )
        try:
            _wait_for(port, process, home / "log")
            yield Server(url=f"postgresql://palaver:{password}@127.0.0.1:{port}", pid=process.pid)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": open connections are ended
            process.wait(timeout=20)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root; then it runs as a user who owns nothing else here."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        if "ready to accept connections" in log.read_text(errors="replace"):
            return
        time.sleep(0.02)  # another process, before any event loop runs
    pytest.fail(f"PostgreSQL did not start on port {port}: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The session's PostgreSQL server."""
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_migrated(postgres: Server) -> Iterator[str]:
    """The session's one migrated database; `emptied` makes it as good as new."""

    async def make(exits: AsyncExitStack) -> str:
        url = await exits.enter_async_context(postgres.database())
        opened = Database(url)
        await migrate.upgrade(opened)
        await opened.close()
        return url

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner.run(make(stack))
        runner.run(stack.aclose())


@pytest.fixture
def postgres_url(postgres_migrated: str) -> str:
    """A migrated PostgreSQL database with nothing in it."""
    asyncio.run(emptied(postgres_migrated))
    return postgres_migrated


async def emptied(url: str) -> None:
    """Remove every row."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "TRUNCATE users, ledger_entries, prompts, learned_stats, budgets, open_calls, webhook_deliveries RESTART IDENTITY CASCADE"
        )
    finally:
        await connection.close()
