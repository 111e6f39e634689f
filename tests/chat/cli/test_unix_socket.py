"""Listening on a Unix socket: who may connect, what becomes of the file, and a proxy in front of it."""

import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from chat.cli.unix_socket import unix_socket
from chat.config.load import BadSettings
from tests.chat.process import environment, run, serving
from tests.nginx import nginx
from tests.upstream import Simulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Python has no Unix sockets on Windows")


@pytest.fixture
def path() -> Iterator[Path]:
    """A path short enough for a socket: 107 bytes on Linux, 103 on macOS."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "palaver.sock"


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


def abandoned(path: Path) -> None:
    """The file of a server that was killed."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_the_file_has_its_permissions_and_goes_with_the_server(path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        with unix_socket(path, mode, 5) as bound, socket.socket(socket.AF_UNIX) as client:
            assert permissions(path) == mode
            client.connect(str(path))
            bound.accept()[0].close()
    finally:
        os.umask(before)
    assert not path.exists()


def test_the_file_of_a_killed_server_is_replaced(path: Path) -> None:
    abandoned(path)
    with unix_socket(path, 0o600, 5), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("waiting", [0, 2])
def test_where_somebody_listens_nobody_else_does(path: Path, waiting: int) -> None:
    with unix_socket(path, 0o600, 0) as bound:
        clients = [socket.socket(socket.AF_UNIX) for _ in range(waiting)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(str(path))  # the queue is full
        with pytest.raises(BadSettings, match=r"PALAVER_UDS: .* another server"), unix_socket(path, 0o600, 5):
            pass
        for client in clients:
            client.close()
        assert path.exists()
        assert bound.fileno() > 0


def test_what_is_no_socket_is_left_as_it_is(path: Path) -> None:
    path.write_text("a diary")
    with pytest.raises(BadSettings, match="no socket"), unix_socket(path, 0o600, 5):
        pass
    assert path.read_text() == "a diary"
    link, target = path.with_name("link"), path.with_name("target")
    abandoned(target)
    link.symlink_to(target)
    with pytest.raises(BadSettings, match="no socket"), unix_socket(link, 0o600, 5):
        pass
    assert link.is_symlink()


def test_the_file_of_the_next_server_stays(path: Path) -> None:
    with unix_socket(path, 0o600, 5):
        path.unlink()
        abandoned(path)
    assert path.exists()


@pytest.mark.parametrize("name", ["no-folder/a.sock", "x" * 200])
def test_a_path_where_no_socket_can_be_is_named(path: Path, name: str) -> None:
    with (
        pytest.raises(BadSettings, match="PALAVER_UDS: cannot listen on "),
        unix_socket(path.parent / name, 0o600, 5),
    ):
        pass
    assert list(path.parent.iterdir()) == []


async def test_a_server_on_a_unix_socket_behind_a_proxy(path: Path, tmp_path: Path) -> None:
    async with Simulator() as sim:
        env = environment(tmp_path, sim, PALAVER_UDS=str(path), PALAVER_TRUSTED_PROXIES="unix")
        async with serving(tmp_path, env) as server:
            assert server.url == f"unix:{path}"
            assert permissions(path) == 0o660
            assert (await server.http.get("/api/info")).status_code == 200
            code, written = await run(tmp_path, env, "serve")
            assert (code, "another server listens there" in " ".join(written.split())) == (1, True), written
            with nginx(tmp_path / "nginx", f"unix:{path}:", "taken off") as url:
                async with httpx.AsyncClient(trust_env=False) as outside:
                    made = await outside.post(f"{url}/api/threads", json={"id": "one"})
                    assert (made.status_code, made.headers["location"]) == (201, "/chat/api/threads/one")
                    assert "/chat/assets/" in (await outside.get(f"{url}/")).text
            await server.stop(signal.SIGKILL)
        assert exists(path)
        async with serving(
            tmp_path, env | {"PALAVER_BASE_PATH": "/chat", "PALAVER_TRUSTED_PROXIES": ""}
        ) as server:
            assert "under /chat/" in "".join(server.lines)
            thread = await server.http.get("/chat/api/threads/one", headers={"x-forwarded-prefix": "/other"})
            assert thread.status_code == 200
            made = await server.http.post(
                "/chat/api/threads", json={"id": "two"}, headers={"x-forwarded-prefix": "/x"}
            )
            assert made.headers["location"] == "/chat/api/threads/two", "not trusted"
            assert await server.stop(signal.SIGTERM) == 0
    assert not exists(path)


async def test_a_browser_cannot_be_opened_at_a_unix_socket(path: Path, tmp_path: Path) -> None:
    code, written = await run(tmp_path, environment(tmp_path), "serve", "--uds", str(path), "--open")
    assert (code, "--open: a browser cannot open a Unix socket" in written) == (1, True), written
    assert not exists(path)
