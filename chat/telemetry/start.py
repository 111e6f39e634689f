"""Start metrics and traces where the settings ask for them. Their libraries are loaded only then."""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from chat.calls.hooks import Hook, Hooks
from chat.config.load import BadSettings
from chat.config.settings import Settings

if TYPE_CHECKING:  # loaded only when they are asked for
    from chat.telemetry.otel import Providers
    from chat.telemetry.prometheus import Prometheus


def metrics(settings: Settings) -> "Prometheus | None":
    """The metrics behind `/metrics`; None unless the settings ask for them."""
    if not settings.metrics:
        return None
    from chat.telemetry.prometheus import Prometheus

    return Prometheus()


async def telemetry(
    settings: Settings, providers: "Providers | None", stack: AsyncExitStack
) -> "Providers | None":
    """OpenTelemetry providers, if the settings ask for them: those that are passed, else over OTLP. Raises BadSettings."""
    if not settings.otel:
        return None
    try:
        from chat.telemetry.otel import over_otlp

        providers = providers or over_otlp()
    except ImportError:
        raise BadSettings(
            "PALAVER_OTEL: OpenTelemetry is not installed: pip install 'palaver-chat[otel]'"
        ) from None
    # Closing flushes what is left, which may take as long as the collector does.
    stack.push_async_callback(asyncio.to_thread, providers.close)
    return providers


def hooks(settings: Settings, metrics: "Prometheus | None", telemetry: "Providers | None") -> Hooks:
    """The observers of calls, turns and streams that are on."""
    hooks: list[Hook] = [] if metrics is None else [metrics]
    if telemetry is not None:
        from chat.telemetry.otel import OpenTelemetry

        hooks.append(OpenTelemetry(telemetry, content=settings.otel_content))
    return Hooks(tuple(hooks))
