"""What is asked for is started, and only then is its library loaded."""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from chat.calls.hooks import Hook, Hooks
from chat.config.settings import BadSettings, Settings

if TYPE_CHECKING:  # loaded only when they are asked for
    from chat.telemetry.otel import Providers
    from chat.telemetry.prometheus import Prometheus


def metrics(settings: Settings) -> "Prometheus | None":
    """The figures behind `/metrics`, if they are asked for."""
    if not settings.metrics:
        return None
    from chat.telemetry.prometheus import Prometheus

    return Prometheus()


async def telemetry(
    settings: Settings, given: "Providers | None", stack: AsyncExitStack
) -> "Providers | None":
    """Where OpenTelemetry goes, if it is asked for: where it is `given`, else over OTLP. Raises BadSettings."""
    if not settings.otel:
        return None
    try:
        from chat.telemetry.otel import over_otlp

        made = given or over_otlp()
    except ImportError:
        raise BadSettings(
            "PALAVER_OTEL: OpenTelemetry is not installed: pip install 'palaver[otel]'"
        ) from None
    # Closing sends what is left, which may take as long as the collector does.
    stack.push_async_callback(asyncio.to_thread, made.close)
    return made


def hooks(settings: Settings, metrics: "Prometheus | None", telemetry: "Providers | None") -> Hooks:
    """Whoever watches what happens."""
    hooks: list[Hook] = [] if metrics is None else [metrics]
    if telemetry is not None:
        from chat.telemetry.otel import OpenTelemetry

        hooks.append(OpenTelemetry(telemetry, content=settings.otel_content))
    return Hooks(tuple(hooks))
