"""The command line: what goes wrong is said in words, and the exit code is right."""

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chat import DISTRIBUTION
from chat.cli.doctor import Finding, examine
from chat.cli.main import app
from store import migrate, sqlite
from store.database import Database
from tests.chat.process import environment, run, serving
from tests.palaver import settings_for
from tests.upstream import Simulator
from tests.waiting import LIMIT


def unwrapped(written: str) -> str:
    """The words alone: lines are wrapped for a terminal."""
    return " ".join(written.split())


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("PALAVER_PORT", "many-planted", "serve"),
        ("PALAVER_TOKEN", "planted-short", "serve"),
        ("PALAVER_CORS_ORIGINS", "https://a.example/planted", "serve"),
        ("PALAVER_DATABASE_URL", "mysql://me:planted@h/d", "migrate"),
        ("PALAVER_LOG_LEVEL", "planted", "doctor"),
        ("PALAVER_DEFAULT_TIER", "planted", "doctor"),
        ("PALAVER_MAX_OUTPUT_TOKENS", "9999999999", "serve"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_its_value_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(app, [command])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    assert name in unwrapped(ended.output)
    assert "planted" not in ended.output


async def test_what_keeps_palaver_from_starting_is_said_without_a_traceback(tmp_path: Path) -> None:
    plain = tmp_path / "a-file"
    plain.write_text("not a database, but a file with quite some text in it " * 50)
    odd = tmp_path / "[" / "bold]"  # together they look like markup
    odd.parent.mkdir()
    odd.write_text("x")
    lost = {
        "PALAVER_SYSTEM_PROMPT_FILE": "nowhere.txt",
        "ANTHROPIC_API_KEY": "sk-ant-planted-0123456789",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
    }
    cases: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
        "an open host": ({}, ("serve", "--host", "0.0.0.0"), "Set PALAVER_TOKEN to a long random text"),
        "a file for a folder": ({}, ("migrate", "--data-dir", str(plain)), "a-file"),
        "odd letters": ({}, ("migrate", "--data-dir", str(odd)), "[/bold]"),
        "no database": ({"PALAVER_DATABASE_URL": f"sqlite:///{plain}"}, ("migrate",), "database"),
        "no server": (
            {"PALAVER_DATABASE_URL": "postgresql://u:planted@127.0.0.1:1/d"},
            ("migrate",),
            "database",
        ),
        "no prompt": (lost, ("serve",), "nowhere.txt"),
    }
    _from_the_future(tmp_path / "newer.db")
    newer = {
        **lost,
        "PALAVER_DATABASE_URL": f"sqlite:///{tmp_path / 'newer.db'}",
        "PALAVER_SYSTEM_PROMPT_FILE": "",
    }
    away = {**newer, "PALAVER_DATABASE_URL": "postgresql://u:planted@127.0.0.1:1/d?sslmode=disable"}
    for command in (("serve",), ("migrate",), ("doctor",), ("usage",), ("economics", "--all")):
        cases[f"{command[0]}, newer schema"] = (newer, command, "of a newer Palaver")
        cases[f"{command[0]}, away"] = (away, command, "database")
    # Without a key: no 95 MB are downloaded for a server that cannot start.
    keyless = {**newer, "ANTHROPIC_API_KEY": "", "ANTHROPIC_BASE_URL": ""}
    cases["serve, newer schema, no key"] = (keyless, ("serve",), "of a newer Palaver")
    runs = [{"env": more, "arguments": arguments} for more, arguments, _ in cases.values()]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(runs), cwd=tmp_path, env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(LIMIT):
        output, noise = await child.communicate()
    assert b"Traceback" not in noise, noise.decode()
    ends = dict(zip(cases, json.loads(output), strict=True))
    assert {name: (end["code"], end["raised"]) for name, end in ends.items()} == dict.fromkeys(
        cases, (1, "SystemExit")
    )
    for name, (_, _, words) in cases.items():
        assert words in unwrapped(ends[name]["output"]), (name, ends[name])
        assert "planted" not in ends[name]["output"], name
    assert "Fetching" not in ends["serve, newer schema, no key"]["output"]


def _from_the_future(file: Path) -> None:
    disk = sqlite.driver().connect(file)
    disk.execute("CREATE TABLE alembic_version (version_num TEXT)")
    disk.execute("INSERT INTO alembic_version VALUES ('9999_from_the_future')")
    disk.commit()
    disk.close()


# Starting a Python that loads everything takes longer than all these commands together: they share one.
ONE_AFTER_THE_OTHER = """
import json, os, sys
from typer.testing import CliRunner
from chat.cli.main import app
ends = []
for asked in json.loads(sys.argv[1]):
    ended = CliRunner().invoke(app, asked["arguments"], env=asked["env"])
    ends.append({"code": ended.exit_code, "raised": type(ended.exception).__name__, "output": ended.output})
print(json.dumps(ends))
"""


async def test_migrate_and_doctor(tmp_path: Path) -> None:
    async with Simulator() as sim:
        env = environment(tmp_path, sim)
        code, written = await run(tmp_path, env, "migrate")
        assert (code, "up to date" in written) == (0, True), written
        database = Database(f"sqlite:///{tmp_path / 'data' / 'palaver.db'}")
        assert await migrate.current(database) == migrate.head()
        await database.close()

        code, written = await run(tmp_path, env, "doctor")
        assert f"revision {migrate.head()}" in unwrapped(written)
        assert "claude-sonnet-5-5: Claude Sonnet 5.5" in unwrapped(written)
        assert code == (0 if "✗" not in written else 1)
        assert "planted" not in written


async def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    async with Simulator(keys={"sk-ant-test-key-0123456789": "w"}) as sim:

        async def check_of(what: str, **more: Any) -> Finding:
            findings = await examine(settings_for(tmp_path, sim, **more))
            return next(finding for finding in findings if finding.what == what)

        assert (await check_of("simple")).state == "good"
        assert (await check_of("simple", model_simple="claude-unknown")).state == "broken"
        assert "PALAVER_MODEL_SIMPLE" in (await check_of("simple", model_simple="claude-unknown")).remedy
        refused = await check_of("standard", anthropic_api_key="sk-ant-planted-0123456789")
        assert (refused.state, "planted" in refused.says) == ("broken", False)
        assert (await check_of("access")).state == "note"
        assert (await check_of("access", token="a-token-of-at-least-sixteen")).state == "good"
        assert (await check_of("database")).says == "will be created at the first start"
        lost = await check_of("database", database_url="postgresql://u:planted@127.0.0.1:1/d")
        assert (lost.state, "planted" in lost.says + lost.remedy) == ("broken", False)
        async with sim.offline():
            assert (await check_of("complex")).state == "broken"
        assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir())), "looking changes nothing"


async def test_a_database_belongs_to_one_process(tmp_path: Path) -> None:
    async with Simulator() as sim:
        env = environment(tmp_path, sim)
        async with serving(tmp_path, env):
            code, written = await run(tmp_path, env, "serve")
    assert code == 1
    assert "another Palaver process uses" in unwrapped(written)


@pytest.mark.parametrize("command", [(), ("serve",), ("migrate",), ("doctor",), ("economics",)])
def test_help_is_there(command: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(app, [*command, "--help"])
    assert ended.exit_code == 0
    assert "Usage" in ended.output


def test_the_version_is_the_installed_one() -> None:
    ended = CliRunner().invoke(app, ["--version"])
    assert (ended.exit_code, ended.output) == (0, f"palaver {version(DISTRIBUTION)}\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [("palaver us", "usage"), ("palaver usage --z", "--zone"), ("palaver monitoring d", "dashboard")],
)
def test_a_shell_completes_commands_options_and_choices(line: str, words: str) -> None:
    asks = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_PALAVER_COMPLETE": "complete_bash"}
    ended = CliRunner().invoke(app, prog_name="palaver", env=asks)
    assert ended.output.split() == [words]
