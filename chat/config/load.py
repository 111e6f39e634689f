"""Read settings from the environment, `.env` and the settings file, and report invalid or unknown names with the place of the value."""

from pydantic import AliasChoices, BaseModel, ValidationError

from chat.config.budgets import ConfiguredBudget
from chat.config.routing_rules import RoutingRule
from chat.config.settings import Settings
from chat.config.sources import DOTENV, FILE, Sources, config_file, env_file_in_use, nearest
from chat.config.text_file import read_text
from chat.config.tokens import Token
from chat.config.webhooks import ConfiguredWebhook

TABLES: dict[str, type[BaseModel]] = {
    "tokens": Token,
    "budgets": ConfiguredBudget,
    "routing_rules": RoutingRule,
    "webhooks": ConfiguredWebhook,
}


class BadSettings(Exception):
    """Invalid settings; the message names each key and what is wrong with it, never its value."""


def environment_name(field: str) -> str:
    """The name of a setting in the environment."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"PALAVER_{field.upper()}"


def load(**overrides: object) -> Settings:
    """Read the settings from all sources; `overrides` come from the command line. Raises BadSettings."""
    values = {name: value for name, value in overrides.items() if value is not None}
    reading = env_file_in_use.set(DOTENV)
    try:
        file = config_file(values, DOTENV)
        if file is not None and not file.is_file():
            raise BadSettings(f"PALAVER_CONFIG: there is no file {file}")
        sources = Sources(
            fields={field: environment_name(field) for field in Settings.model_fields},
            overrides=frozenset(values),
            file=file or FILE,
        )
        unknown = sources.unknown()
        if unknown:
            raise BadSettings("\n".join(unknown))
        settings = Settings(**values)  # type: ignore[arg-type]  # validated by pydantic, whatever they are
    except ValidationError as problem:
        lines = [
            _sentence(error["loc"], error["type"], error["msg"], sources)
            for error in problem.errors(include_input=False)
        ]
        raise BadSettings("\n".join(lines)) from None
    except (ValueError, OSError) as problem:
        raise BadSettings(str(problem)) from None
    finally:
        env_file_in_use.reset(reading)
    _check_files(settings, sources)
    return settings


def _sentence(location: tuple[int | str, ...], kind: str, message: str, sources: Sources) -> str:
    if not location:
        return message
    if kind == "extra_forbidden" and str(location[0]) in TABLES:
        fields = TABLES[str(location[0])].model_fields
        message = f"there is no such key{nearest(str(location[-1]), fields)}"
    return f"{_key(location)}: {message} ({sources.place(location)})"


def _check_files(settings: Settings, sources: Sources) -> None:
    """Raises BadSettings for a file that a setting names and that cannot be used: before anything else is started."""
    path = settings.system_prompt_file
    if path is None:
        return
    place = sources.place(("system_prompt_file",))
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError):
        raise BadSettings(
            f"PALAVER_SYSTEM_PROMPT_FILE: {path} cannot be read as UTF-8 text ({place})"
        ) from None
    if not text.strip():
        raise BadSettings(f"PALAVER_SYSTEM_PROMPT_FILE: {path} is empty ({place})")


def _key(location: tuple[int | str, ...]) -> str:
    field = str(location[0])
    field = field.lower() if field.lower() in Settings.model_fields else field
    name = environment_name(field) if field in Settings.model_fields else field
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
