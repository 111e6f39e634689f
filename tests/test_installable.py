"""Palaver can be installed from wheels alone wherever it is meant to run, and starts where an optional wheel is missing."""

import subprocess
import sys
from importlib import import_module, reload
from pathlib import Path

import pytest

from chat.cli import console, doctor
from chat.config import routing_rules
from chat.upstream.local import capabilities
from tests.markdown import ROOT
from tests.palaver import settings_for
from tests.upstream import Simulator

PLATFORMS = [
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_wheels_alone_are_enough(tmp_path: Path, platform: str, python: str) -> None:
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--python-platform", platform,
        "--python-version", python, "--extra", "local", "--extra", "embeddings", "--extra", "otel",
        str(ROOT / "pyproject.toml"), "--output-file", str(tmp_path / "locked.txt"),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "client error (Connect)" in ended.stderr or "dns error" in ended.stderr:
        pytest.skip("the package index cannot be reached")
    assert ended.returncode == 0, ended.stderr
    assert "xllamacpp" in (tmp_path / "locked.txt").read_text()


def test_the_local_model_is_an_extra() -> None:
    core = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[0]
    assert "xllamacpp" not in core


def hide(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make importing a module fail, as if it were not installed."""
    monkeypatch.setitem(sys.modules, name, None)


def test_without_uvloop_the_loop_is_asyncios(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "uvloop")

    async def work() -> int:
        return 5

    assert console.run(work()) == 5


def test_without_re2_rules_with_a_pattern_are_refused_and_others_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hide(monkeypatch, "re2")
    try:
        reload(routing_rules)
        assert routing_rules.RoutingRule(name="a", tier="simple", label="x").rule.tier == "simple"
        with pytest.raises(ValueError, match="needs google-re2"):
            routing_rules.RoutingRule(name="a", tier="simple", pattern="x")
    finally:
        monkeypatch.undo()
        reload(routing_rules)


def test_without_pysqlite3_the_sqlite_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "pysqlite3")
    hide(monkeypatch, "pysqlite3.dbapi2")
    assert import_module("store.sqlite").driver().__name__ == "sqlite3"


async def test_without_the_extra_the_doctor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capabilities, "find_spec", lambda name: None)
    async with Simulator() as sim:
        settings = settings_for(tmp_path, sim, anthropic_api_key=None, anthropic_base_url=None)
        [model] = [finding for finding in await doctor.examine(settings) if finding.what == "model"]
    assert (model.state, "palaver-chat[local]" in model.remedy) == ("broken", True)
