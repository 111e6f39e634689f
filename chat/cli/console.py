"""Helpers of all commands: read settings, run a coroutine, print errors without a traceback, exit codes."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from chat.config.load import BadSettings, load
from chat.config.settings import Settings
from chat.telemetry.logs import configure
from chat.upstream.local.errors import LocalModelUnavailable
from store.errors import StoreError, StoreFull, StoreUnavailable

T = TypeVar("T")

REMEDIES = {
    StoreUnavailable: "Check PALAVER_DATABASE_URL, and that the server runs and accepts this user and password.",
    StoreFull: "Free some space, or set PALAVER_DATA_DIR to a folder on another disk.",
}

console = Console(stderr=True, highlight=False)


def configured(**overrides: object) -> Settings:
    """Read the settings and set up logging. Exits with 1 on bad settings."""
    settings = loaded(**overrides)
    configure(settings)
    return settings


def loaded(**overrides: object) -> Settings:
    """Read the settings. Exits with 1 on bad settings."""
    try:
        return load(**overrides)
    except BadSettings as problem:
        fail(str(problem))


def run(work: Awaitable[T]) -> T:
    """Run an awaitable. Problems that an operator can fix are printed without a traceback and exit with 1; Ctrl+C with 130."""

    async def awaited() -> T:
        return await work

    loop_factory = None
    with suppress(
        ImportError
    ):  # it has no wheel for every platform; asyncio's own loop does the same work, slower
        import uvloop

        loop_factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(awaited())
    except LocalModelUnavailable as problem:
        fail(f"{problem}\n{problem.remedy}")
    except (StoreUnavailable, StoreFull) as problem:
        fail(f"{problem}. {REMEDIES[type(problem)]}")
    except (BadSettings, StoreError) as problem:
        fail(str(problem))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def exit_on(*errors: type[Exception]) -> Iterator[None]:
    """Print one of these errors as "Nothing to show" and exit with 1."""
    try:
        yield
    except errors as problem:
        console.print(f"[bold red]Nothing to show.[/] {escape(str(problem))}")
        raise typer.Exit(1) from None


def fail(message: str) -> NoReturn:
    """Print why Palaver stops, and exit with 1."""
    console.print(f"[bold red]Palaver stops here.[/] {escape(message)}", markup=True)
    raise typer.Exit(1)
