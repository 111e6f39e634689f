"""One child process that serves the model: started, listened to, ended."""

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
    """A running child whose model is loaded. Its last lines of standard error tell why it ended."""

    process: Process
    port: int
    complaints: deque[str]
    listener: asyncio.Task[None] = field(repr=False)

    async def ended(self) -> str:
        """Wait until it is gone; what it said last, and its exit code."""
        code = await self.process.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.listener, GRACE_SECONDS)  # a grandchild may hold the pipe open
        return _epitaph(code, self.complaints)

    async def end(self) -> None:
        """Close its standard input, which ends it; force it when it does not listen."""
        await _end(self.process)
        self.listener.cancel()


async def launch(command: Sequence[str], timeout: float) -> Child:
    """Start the command and wait for its ready line, at most `timeout` seconds. Raises LocalModelUnavailable."""
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    except OSError as problem:
        raise LocalModelUnavailable(f"The local model could not be started: {problem}.", REMEDY) from problem
    complaints: deque[str] = deque(maxlen=20)
    listener = asyncio.create_task(_listen(process, complaints))
    said: dict[str, Any] = {}
    try:
        async with asyncio.timeout(timeout):
            said = await _first_words(process)
    except TimeoutError:
        raise LocalModelUnavailable(
            f"The local model did not start within {timeout:g} seconds.", REMEDY
        ) from None
    finally:
        if "port" not in said:
            await _end(process)
            with suppress(TimeoutError):
                await asyncio.wait_for(listener, GRACE_SECONDS)
    if "port" not in said:
        why = said.get("error") or _epitaph(process.returncode, complaints)
        raise LocalModelUnavailable(f"The local model could not be started: {why}.", REMEDY)
    return Child(process=process, port=said["port"], complaints=complaints, listener=listener)


async def _first_words(process: Process) -> dict[str, Any]:
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


async def _listen(process: Process, complaints: deque[str]) -> None:
    """Drain standard error: a full pipe would stop the child."""
    assert process.stderr is not None  # noqa: S101 - it was asked for in launch
    rest = b""
    while chunk := await process.stderr.read(4096):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-LINE_BYTES:]
        for line in lines:
            _note(line, complaints)
    _note(rest, complaints)


def _note(line: bytes, complaints: deque[str]) -> None:
    if text := line[:LINE_BYTES].decode(errors="replace").strip():
        complaints.append(text)
        log.debug("the local model says", line=text)


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


def _epitaph(code: int | None, complaints: deque[str]) -> str:
    last = complaints[-1] if complaints else "it said nothing"
    return f"exit code {code}, {last}"
