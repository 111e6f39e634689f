"""Read settings from the environment, `.env` and `palaver.toml`, and report invalid or unknown names."""

import os

from pydantic import AliasChoices, ValidationError

from chat.config.settings import Settings


def environment_name(field: str) -> str:
    """The name of a setting in the environment."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"PALAVER_{field.upper()}"


def unknown_names() -> list[str]:
    """Names in the environment that start with PALAVER_ but are no settings: most likely mistyped."""
    known = {environment_name(field) for field in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith("PALAVER_") and name.upper() not in known)


class BadSettings(Exception):
    """Invalid settings; the message names each key and what is wrong with it, never its value."""


def load(**overrides: object) -> Settings:
    """Read the settings from all sources; `overrides` come from the command line. Raises BadSettings."""
    values = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**values)  # type: ignore[arg-type]  # validated by pydantic, whatever they are
    except ValidationError as problem:
        lines = [f"{_key(error['loc'])}: {error['msg']}" for error in problem.errors(include_input=False)]
        raise BadSettings("\n".join(lines)) from None
    except (ValueError, OSError) as problem:
        raise BadSettings(f"palaver.toml or .env cannot be read: {problem}") from None


def _key(location: tuple[int | str, ...]) -> str:
    field = str(location[0]) if location else ""
    field = field.lower() if field.lower() in Settings.model_fields else field
    name = environment_name(field) if field in Settings.model_fields else field
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
