"""What all commands share: reading the settings, running to the end, and saying in words what went wrong."""

import asyncio
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from chat.config.settings import BadSettings, Settings, load, unknown_names
from chat.telemetry.logs import configure
from chat.upstream.local.weights import LocalModelUnavailable
from store.errors import StoreError

T = TypeVar("T")

console = Console(stderr=True, highlight=False)


def configured(**overrides: object) -> Settings:
    """The settings with the log set up by them; names that are none are pointed at."""
    settings = loaded(**overrides)
    configure(settings)
    for name in unknown_names():
        console.print(f"[yellow]There is no setting {name}; it is ignored.[/]")
    return settings


def loaded(**overrides: object) -> Settings:
    """The settings; what is wrong with them is said in words."""
    try:
        return load(**overrides)
    except BadSettings as problem:
        fail(str(problem))


def run(work: Awaitable[T]) -> T:
    """Run to the end; problems an operator can mend are told in words, without a traceback."""

    async def whole() -> T:
        return await work

    loop_factory = None
    if sys.platform != "win32":
        import uvloop

        loop_factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(whole())
    except LocalModelUnavailable as problem:
        fail(f"{problem}\n{problem.remedy}")
    except (BadSettings, StoreError) as problem:
        fail(str(problem))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def finding(*nothing: type[Exception]) -> Iterator[None]:
    """A question whose answer may be that there is nothing to show: then one of these errors says why."""
    try:
        yield
    except nothing as problem:
        console.print(f"[bold red]Nothing to show.[/] {escape(str(problem))}")
        raise typer.Exit(1) from None


def fail(message: str) -> NoReturn:
    """Say why, and end."""
    console.print(f"[bold red]Palaver stops here.[/] {escape(message)}", markup=True)
    raise typer.Exit(1)
