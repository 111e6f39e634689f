"""Start, watch and end the child process that serves the local model."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from chat.upstream.local.errors import LocalModelUnavailable

log = structlog.get_logger()

GRACE_SECONDS = 2.0
LINE_BYTES = 300
REMEDY = "Try another GGUF file with PALAVER_LOCAL_MODEL, or set ANTHROPIC_API_KEY to talk to Claude instead."


@dataclass(slots=True, kw_only=True)
class Child:
    """A running child whose model is loaded. `stderr_lines`: its last lines of standard error, which say why it ended."""

    process: Process
    port: int
    stderr_lines: deque[str]
    listener: asyncio.Task[None] = field(repr=False)

    async def ended(self) -> str:
        """Wait until it has ended; returns its exit code and its last line of standard error."""
        code = await self.process.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.listener, GRACE_SECONDS)  # a grandchild may hold the pipe open
        return _exit_reason(code, self.stderr_lines)

    async def end(self) -> None:
        """Close its standard input, which ends it; terminate or kill it when it does not react."""
        await _end(self.process)
        self.listener.cancel()


async def launch(command: Sequence[str], timeout: float) -> Child:
    """Start the command and wait for its ready line, at most `timeout` seconds. Raises LocalModelUnavailable."""
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    except OSError as problem:
        raise LocalModelUnavailable(f"The local model could not be started: {problem}.", REMEDY) from problem
    stderr_lines: deque[str] = deque(maxlen=20)
    listener = asyncio.create_task(_listen(process, stderr_lines))
    ready: dict[str, Any] = {}
    try:
        async with asyncio.timeout(timeout):
            ready = await _ready_line(process)
    except TimeoutError:
        raise LocalModelUnavailable(
            f"The local model did not start within {timeout:g} seconds.", REMEDY
        ) from None
    finally:
        if "port" not in ready:
            await _end(process)
            with suppress(TimeoutError):
                await asyncio.wait_for(listener, GRACE_SECONDS)
    if "port" not in ready:
        reason = ready.get("error") or _exit_reason(process.returncode, stderr_lines)
        raise LocalModelUnavailable(f"The local model could not be started: {reason}.", REMEDY)
    return Child(process=process, port=ready["port"], stderr_lines=stderr_lines, listener=listener)


async def _ready_line(process: Process) -> dict[str, Any]:
    """The child's one JSON line; empty when it ends without one."""
    assert process.stdout is not None  # noqa: S101 - it was asked for in launch
    line = await process.stdout.readline()
    if not line:
        await process.wait()
        return {}
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return {"error": f"it said {line[:LINE_BYTES]!r}"}


async def _listen(process: Process, stderr_lines: deque[str]) -> None:
    """Drain standard error: a full pipe would stop the child."""
    assert process.stderr is not None  # noqa: S101 - it was asked for in launch
    rest = b""
    while chunk := await process.stderr.read(4096):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-LINE_BYTES:]
        for line in lines:
            _note(line, stderr_lines)
    _note(rest, stderr_lines)


def _note(line: bytes, stderr_lines: deque[str]) -> None:
    if text := line[:LINE_BYTES].decode(errors="replace").strip():
        stderr_lines.append(text)
        log.debug("local_model.stderr", line=text)


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    for force in (process.terminate, process.kill):
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            force()
    await process.wait()


def _exit_reason(code: int | None, stderr_lines: deque[str]) -> str:
    last = stderr_lines[-1] if stderr_lines else "it said nothing"
    return f"exit code {code}, {last}"
