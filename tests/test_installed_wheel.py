"""The built wheel in a clean environment, started in a folder that has nothing of the sources."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from chat import DISTRIBUTION
from store import migrate
from tests.chat.process import environment, serving
from tests.markdown import ROOT
from tests.upstream import Reply, Simulator

LIMIT = 600.0  # seconds for one step: on a machine that has nothing yet, every dependency is downloaded


def run(folder: Path, *command: str, env: dict[str, str] | None = None) -> str:
    """What a command writes. Fails the test with it when the command fails."""
    ended = subprocess.run(
        command, cwd=folder, env=env, text=True, timeout=LIMIT, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if "client error (Connect)" in ended.stdout or "dns error" in ended.stdout:
        pytest.skip("the package index cannot be reached")
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a new environment with the wheel, and nothing else, installed."""
    folder = tmp_path_factory.mktemp("wheel")
    uv: Sequence[str] = (sys.executable, "-m", "uv")
    run(ROOT, *uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), "--python", sys.executable, ".")
    [wheel] = folder.glob("*.whl")
    run(folder, *uv, "venv", "--quiet", "--python", sys.executable, "clean")
    place = folder / "clean" / ("Scripts" if sys.platform == "win32" else "bin")
    run(folder, *uv, "pip", "install", "--quiet", "--python", str(place / "python"), str(wheel))
    return place


async def test_the_wheel_has_all_that_a_server_needs(programs: Path, tmp_path: Path) -> None:
    async with Simulator() as sim:
        sim.respond(lambda _: Reply(text="From the wheel.", thinking=""))
        env = environment(tmp_path, sim)
        del env["PYTHONPATH"]  # the sources
        palaver = str(programs / "palaver")
        assert run(tmp_path, palaver, "--version", env=env) == f"palaver {version(DISTRIBUTION)}\n"
        async with serving(tmp_path, env, [palaver]) as server:
            page = await server.http.get("/")
            assert page.status_code == 200, page.text
            for script in re.findall(r'src="([^"]+\.js)"', page.text):
                assert (await server.http.get(script)).status_code == 200, script
            assert (await server.http.get("/docs")).status_code == 200
            turn = (
                await server.http.post("/api/threads/t/turns", json={"input": {"text": "Bonjour, ça va?"}})
            ).json()
            events = await server.http.get(f"/api/turns/{turn['id']}/events")
            assert "From the wheel." in events.text
            assert "turn.completed" in events.text
        doctor = await asyncio.to_thread(
            run, tmp_path, palaver, "doctor", env=env
        )  # asks the simulator, which runs here
        checked = " ".join(doctor.split())
        assert f"revision {migrate.head()}" in checked
        assert "✗" not in checked
    packages = Path(
        run(tmp_path, str(programs / "python"), "-c", "import chat.client; print(chat.__file__)").strip()
    ).parents[1]
    assert programs.parent in packages.parents, "the sources answered, not the wheel"
    sources = {
        str(path.relative_to(ROOT))
        for package in ("chat", "store", "context")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }
    missing = {name for name in sources if not (packages / name).is_file()}
    assert missing == set()
