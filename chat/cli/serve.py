"""`palaver serve`: start the application (with the local model if no key is set), print its address, serve."""

import socket
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat.app import application, running
from chat.cli.console import console
from chat.cli.garbage_collection import freeze_loaded
from chat.cli.listen import shown_address
from chat.config.settings import Settings
from chat.server import serve
from chat.upstream.local.capabilities import INSTALL, NOT_INSTALLED, is_installed
from chat.upstream.local.errors import LocalModelUnavailable
from chat.upstream.local.process import LocalModel
from chat.upstream.local.weights import ensure_weights


async def serve_until_stopped(settings: Settings, bound: socket.socket, open_browser: bool) -> None:
    """Start everything, serve on the listening socket until SIGINT or SIGTERM, and stop everything."""
    local_model = _local_model(settings) if settings.uses_local_model else None
    async with running(settings, local_model=local_model) as deps:
        url = shown_address(bound, f"{settings.path_prefix}/")
        model = "the small local demo model" if deps.local_model is not None else settings.model_standard
        console.print(
            f"[bold]Palaver[/] is at [bold cyan]{url}[/]  ({model} answers; Ctrl+C stops)", soft_wrap=True
        )
        if deps.local_model is not None:
            console.print("Set ANTHROPIC_API_KEY to talk to Claude instead.", style="dim")
        if open_browser:
            webbrowser.open(url)
        app = application(deps)
        freeze_loaded()
        await serve(app, deps.runner, bound, settings)


@asynccontextmanager
async def _local_model(settings: Settings) -> AsyncIterator[LocalModel]:
    """The local model for the length of the block; its file is downloaded if it is missing. Raises LocalModelUnavailable."""
    if not is_installed():
        raise LocalModelUnavailable(NOT_INSTALLED, INSTALL)
    weights = await ensure_weights(settings.cache_dir, settings.local_model, console)
    model = LocalModel(weights)
    await model.start()
    try:
        yield model
    finally:
        await model.stop()
