"""Palaver can be installed from wheels alone wherever it is meant to run, and starts where an optional wheel is missing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, reload
from itertools import product
from pathlib import Path

import pytest

from chat.cli import console, doctor
from chat.config import routing_rules
from chat.upstream.local import capabilities
from tests.markdown import ROOT
from tests.palaver import settings_for
from tests.upstream import Simulator

EVERYTHING = ("--extra", "local", "--extra", "embeddings", "--extra", "otel")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
MUSL = ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl")
WINDOWS_ARM = "aarch64-pc-windows-msvc"
WITHOUT_RE2 = "google-re2; sys_platform == 'never'\n"

Resolved = subprocess.CompletedProcess[str]


def resolve(platform: str, python: str, *options: str) -> Resolved:
    """Choose versions for a platform from wheels alone; the output is the list of them."""
    return subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header",
            "--python", sys.executable,  # else uv looks for a Python of that version, for ten seconds
            "--python-platform", platform, "--python-version", python, *options, str(ROOT / "pyproject.toml"),
        ],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Resolved]:
    """Every platform with every Python, several at a time: they wait for the index more than they compute."""
    override = tmp_path_factory.mktemp("resolve") / "override.txt"
    override.write_text(WITHOUT_RE2)
    options = {
        **dict.fromkeys(product(PLATFORMS, PYTHONS), EVERYTHING),
        **dict.fromkeys(product(MUSL, PYTHONS), ("--override", str(override), "--extra", "otel")),
        **dict.fromkeys(product((WINDOWS_ARM,), PYTHONS), EVERYTHING),
    }
    with ThreadPoolExecutor(6) as pool:
        runs = pool.map(lambda item: resolve(*item[0], *item[1]), options.items())
        results = dict(zip(options, runs, strict=True))
    if any(
        "client error (Connect)" in ended.stderr or "dns error" in ended.stderr for ended in results.values()
    ):
        pytest.skip("the package index cannot be reached")
    return results


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_wheels_alone_are_enough(
    resolved: dict[tuple[str, str], Resolved], platform: str, python: str
) -> None:
    ended = resolved[platform, python]
    assert ended.returncode == 0, ended.stderr
    assert "xllamacpp==" in ended.stdout


@pytest.mark.parametrize("platform", MUSL)
@pytest.mark.parametrize("python", PYTHONS)
def test_alpine_lacks_google_re2_and_the_local_model_alone(
    resolved: dict[tuple[str, str], Resolved], platform: str, python: str
) -> None:
    ended = resolved[platform, python]
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_windows_on_arm_has_all_but_the_local_model(
    resolved: dict[tuple[str, str], Resolved], python: str
) -> None:
    ended = resolved[WINDOWS_ARM, python]
    if python == "3.11":
        assert "pyyaml" in ended.stderr, "PyYAML has no wheel for it: the README says so"
        return
    assert ended.returncode == 0, ended.stderr
    assert "xllamacpp==" not in ended.stdout


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
