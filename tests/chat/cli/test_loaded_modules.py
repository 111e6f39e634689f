"""What is loaded when: heavy modules cost time at the start and memory for as long as the server runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrated import copy_migrated

SDK = {"anthropic", "aiohttp"}
DATABASE = {"sqlalchemy", "sqlmodel", "alembic", "aiosqlite", "asyncpg"}
SERVER = {"starlette", "uvicorn", "sse_starlette", "redis", "limits"}
RARE = {  # what an idle server with a key, SQLite and default settings has no use for
    "alembic",
    "asyncpg",
    "redis",
    "numpy",
    "jsonschema",
    "jwt",
    "prometheus_client",
    "opentelemetry.sdk",
    "opentelemetry.exporter",
    "xllamacpp",
}
COMMAND = """
import sys
from typer.testing import CliRunner
from chat.cli.main import app
assert CliRunner().invoke(app, sys.argv[1:]).exit_code == 0
print(*sys.modules)
"""
LISTEN = """
import sys
from chat.cli import console, listen
print(*sys.modules)
"""
CLIENT = """
import sys
import chat.client
print(*sys.modules)
"""
IDLE = """
import asyncio, sys
from pathlib import Path
from chat.app import application, running
from chat.config.settings import Settings

async def main():
    url = "http://127.0.0.1:9"
    folder = Path(sys.argv[1])
    settings = Settings(_env_file=None, data_dir=folder, anthropic_api_key="sk-ant-test", anthropic_base_url=url)
    async with running(settings) as deps:
        application(deps)
        print(*sys.modules)

asyncio.run(main())
"""


def loaded(script: str, *arguments: str) -> set[str]:
    """The names of all modules that a process has loaded which runs that script."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["--help"], {*SDK, *DATABASE, *SERVER, *RARE, "pydantic", "structlog"}),
        (["token", "ci"], {*SDK, *DATABASE, *SERVER, *RARE}),
    ],
)
def test_a_command_that_needs_no_model_does_not_wait_for_the_sdk(
    arguments: list[str], spared: set[str]
) -> None:
    assert spared & loaded(COMMAND, *arguments) == set()


def test_the_socket_listens_before_the_server_is_loaded() -> None:
    assert {*SDK, *DATABASE, *SERVER, *RARE} & loaded(LISTEN) == set()


def test_the_client_loads_nothing_of_the_server() -> None:
    modules = loaded(CLIENT)
    assert {*SDK, *DATABASE, *SERVER, *RARE, "pydantic", "structlog", "httpx2"} & modules == set()
    packages = {name for name in modules if name.split(".")[0] in ("chat", "store", "context")}
    assert {name for name in packages if not name.startswith("chat.client")} == {
        "chat", "chat.clock", "chat.stream", "chat.stream.events", "chat.stream.notes", "chat.stream.one_line",
    }  # fmt: skip


async def test_an_idle_server_has_loaded_nothing_that_it_may_never_need(tmp_path: Path) -> None:
    await copy_migrated(tmp_path / "palaver.db")
    modules = loaded(IDLE, str(tmp_path))
    assert "anthropic" in modules
    assert RARE & modules == set()
