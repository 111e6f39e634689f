"""A real nginx for tests: one process on loopback with everything it writes in one folder, configured by a block of the README."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.markdown import code, section

MISSING = "nginx is not installed (Debian package: nginx): its tests cannot run"
Prefix = Literal["taken off", "passed on"]
STARTING = 20.0  # seconds it may take to start
CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


def program() -> str:
    """Where nginx is. In CI it must be there; elsewhere tests that need it are skipped and say so."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


@contextmanager
def nginx(folder: Path, upstream: str, prefix: Prefix) -> Iterator[str]:
    """nginx in front of `upstream` (`127.0.0.1:1234` or `unix:/path:`); its URL, with `/chat` at its end.

    `prefix`: whether the README's block takes `/chat` off, or has the lines that do not.
    """
    location, other_lines = code(
        section("chat/api/README.md", "Behind a proxy").replace("\n  ", "\n"), "nginx"
    )
    if prefix == "passed on":
        head, _, _, *others = location.splitlines()
        location = "\n".join([head, other_lines, *others])
    assert "http://127.0.0.1:8100" in location
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file = folder / "nginx.conf"
    file.write_text(
        CONFIG.format(folder=folder, port=port, location=location.replace("127.0.0.1:8100", upstream))
    )
    process = subprocess.Popen(
        [program(), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port, folder)
        yield f"http://127.0.0.1:{port}/chat"
    finally:
        process.terminate()
        process.wait(timeout=STARTING)


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)  # another process; nothing else is to be done meanwhile
    log = folder / "error.log"
    pytest.fail(
        f"nginx did not start on port {port}: {log.read_text() if log.exists() else process.returncode}"
    )
