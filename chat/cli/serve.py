"""`palaver serve`: listen, start the application (with the local model if no key is set), print its address, serve."""

import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

from chat.app import application, running
from chat.cli.console import console, fail
from chat.cli.garbage_collection import freeze_loaded
from chat.config.settings import Settings
from chat.server import listen, serve
from chat.upstream.local.capabilities import INSTALL, NOT_INSTALLED, is_installed
from chat.upstream.local.errors import LocalModelUnavailable
from chat.upstream.local.process import LocalModel
from chat.upstream.local.weights import ensure_weights


def check_exposure(settings: Settings) -> None:
    """Exit with 1 if other machines could reach a server that needs no token."""
    if not settings.requires_token and not _is_loopback(settings.host):
        fail(
            f"PALAVER_HOST: {settings.host} can be reached from other machines, and no token is set.\n"
            "Set PALAVER_TOKEN to a long random text, or listen on 127.0.0.1."
        )


async def serve_until_stopped(settings: Settings, open_browser: bool) -> None:
    """Start everything, serve until SIGINT or SIGTERM, and stop everything."""
    bound = listen(settings.host, settings.port)
    local_model = _local_model(settings) if settings.uses_local_model else None
    async with running(settings, local_model=local_model) as deps:
        host, port = bound.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{'localhost' if host in {'0.0.0.0', '::'} else shown}:{port}/"  # noqa: S104 - compared, not bound
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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
