"""Configure structured logging: text for a terminal, JSON for machines, secrets redacted. README.md lists all log events."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from pydantic import SecretStr

from chat.config.settings import Settings

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(
    r"(?i)(token|secret|password|passwd|api[_-]?key|authorization|cookie|database_url)$"
)
_SECRET_VALUES = re.compile(
    r"(?i)(sk-ant-[\w-]{8,}|bearer\s+[\w.~+/=-]{8,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|(?<=[?&]access_token=)[^&\s]+)"
)
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]"
)  # C1 as well: U+009B opens what ESC [ does


def configure(settings: Settings) -> None:
    """Set up logging for the whole process. Idempotent."""
    shared, renderer = _configure_events(settings)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_level(settings), logging.WARNING))
    # At DEBUG it logs every chunk it sends, and so the text of conversations.
    logging.getLogger("sse_starlette").setLevel(logging.WARNING)


def configure_unless_configured(settings: Settings) -> None:
    """Set up our own log events where the program around us has not set up structlog; its other logging stays as it is.

    The library's own default draws the variables of every frame of an exception: texts of conversations, and secrets.
    """
    if not structlog.is_configured():
        _configure_events(settings)


def _configure_events(settings: Settings) -> tuple[list[Any], Any]:
    """Set up structlog. Returns what every entry goes through, and what renders it."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # as text, before the redactor: exceptions can contain secrets too
        Redactor(secrets(settings)),
    ]
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_level(settings)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    return shared, renderer


def _level(settings: Settings) -> int:
    return int(getattr(logging, settings.log_level.upper()))


def secrets(settings: Settings) -> list[str]:
    """The values of all secret settings."""
    values = [value for _, value in settings if isinstance(value, SecretStr)]
    values += [value for webhook in settings.webhooks for value in (webhook.url, webhook.secret)]
    return [value.get_secret_value() for value in values]


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Redactor:
    """Redact secrets by field name, by pattern and by known value, anywhere in a log entry."""

    def __init__(self, known: list[str]) -> None:
        self._known = [secret for secret in known if secret]

    def __call__(self, logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in list(entry.items()):
            entry[name] = HIDDEN if _SECRET_NAMES.search(name) else self._clean(value)
        return entry

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._known:
                value = value.replace(secret, HIDDEN)
            return _CONTROL.sub(_escaped, _SECRET_VALUES.sub(HIDDEN, value))
        if isinstance(value, dict):
            return {
                name: HIDDEN if _SECRET_NAMES.search(str(name)) else self._clean(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._clean(inner) for inner in value]
        return value
