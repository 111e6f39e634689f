"""Where settings come from: the environment, `.env` and the settings file. Finds names that are no settings, and where a value stands.

The file is `palaver.toml` in the working folder, or what `--config` or PALAVER_CONFIG names.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic_settings import DotEnvSettingsSource, PydanticBaseSettingsSource
from pydantic_settings.sources.utils import parse_env_vars

from chat.config.text_file import read_text

PREFIX = "PALAVER_"
CONFIG = "PALAVER_CONFIG"
FILE = Path("palaver.toml")
DOTENV = Path(".env")
FOR_TESTS = frozenset({"PALAVER_LONG"})  # asks the tests to be thorough
# Kubernetes tells every container of a service called "palaver" where that is.
KUBERNETES = re.compile(r"PALAVER_SERVICE_(HOST|PORT)\w*|PALAVER_PORT_\d+_(TCP|UDP|SCTP)\w*")


# The `.env` that settings are read from. Not pydantic's own setting: pydantic reads the file before anybody can say how.
env_file_in_use: ContextVar[Path | None] = ContextVar("env_file_in_use", default=None)


class Unreadable(ValueError):
    """A file of settings that cannot be read; the message names it, and the line where it is known."""


def read_dotenv(path: Path | None) -> Mapping[str, str | None]:
    """The values of an `.env` file; none when there is no file. Raises Unreadable."""
    if path is None or not path.is_file():
        return {}
    try:
        return dotenv_values(stream=StringIO(read_text(path)))
    except (OSError, UnicodeDecodeError) as problem:
        raise Unreadable(f"{path} cannot be read: {_reason(problem)}") from None


class DotEnv(DotEnvSettingsSource):
    """`.env` in any encoding that `read_text` knows."""

    def _read_env_file(self, file_path: Path) -> Mapping[str, str | None]:
        values = read_dotenv(file_path)
        return parse_env_vars(
            values, self.case_sensitive, bool(self.env_ignore_empty), self.env_parse_none_str
        )


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a settings file. Raises Unreadable."""
    try:
        return tomllib.loads(read_text(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise Unreadable(f"{path} cannot be read: {_reason(problem)}") from None


def config_file(overrides: Mapping[str, object], env_file: Path | None) -> Path | None:
    """The settings file that the command line, the environment or `.env` names; None: `palaver.toml`, if there is one."""
    named = overrides.get("config")
    environments: list[Mapping[str, str | None]] = [os.environ, read_dotenv(env_file)]
    for values in environments:
        named = named or next((value for name, value in values.items() if name.upper() == CONFIG), None)
    return Path(str(named)).expanduser() if named else None


class Toml(PydanticBaseSettingsSource):
    """The settings file, if there is one."""

    def __init__(self, settings_cls: Any, path: Path) -> None:
        super().__init__(settings_cls)
        self._values = read_toml(path) if path.is_file() else {}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values


def _reason(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return str(problem.strerror)
    return "it is not UTF-8 text" if isinstance(problem, UnicodeDecodeError) else str(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the sources hold, to look names up in. `fields`: the settings, by field name, with their names in the environment."""

    fields: Mapping[str, str]
    overrides: frozenset[str]
    file: Path
    env_file: Path | None = DOTENV
    _texts: dict[Path, str] = field(default_factory=dict)

    def unknown(self) -> list[str]:
        """A sentence for each name in a source that is no setting, with the nearest name that is one."""
        known = {name.upper() for name in self.fields.values()} | FOR_TESTS
        sentences = [
            f"{name}: there is no such setting{nearest(name, self.fields.values())} ({where})"
            for name, where in [
                *((name, "from the environment") for name in sorted(os.environ)),
                *((name, f"{DOTENV}, line {self._dotenv_line(name)}") for name in self._dotenv()),
            ]
            if name.upper().startswith(PREFIX)
            and name.upper() not in known
            and not KUBERNETES.fullmatch(name.upper())
        ]
        if self.file.is_file():
            known_here = set(self.fields) - {"config"}  # a file does not name another one
            known_here |= {name for name in self.fields.values() if not name.startswith(PREFIX)}
            sentences += [
                f"{name}: there is no such setting{nearest(name, self.fields)} ({self._toml_place((name,))})"
                for name in read_toml(self.file)
                if name not in known_here
            ]
        return sentences

    def place(self, location: tuple[int | str, ...]) -> str:
        """Where the value of a setting stands, in words: command line, environment, or file and line."""
        name = str(location[0])
        field_name = next(
            (key for key in self.fields if name.lower() in (key, self.fields[key].lower())), name
        )
        env_name = self.fields.get(field_name, name)
        if field_name in self.overrides:
            return "from the command line"
        if any(key.upper() == env_name and value for key, value in os.environ.items()):
            return "from the environment"
        if any(key.upper() == env_name and value for key, value in self._dotenv().items()):
            return f"{DOTENV}, line {self._dotenv_line(env_name)}"
        if self.file.is_file():
            return self._toml_place((field_name, *location[1:]))
        return "by default"

    def _dotenv(self) -> Mapping[str, str | None]:
        return read_dotenv(self.env_file)

    def _dotenv_line(self, name: str) -> int:
        pattern = re.compile(rf"\s*(?:export\s+)?['\"]?{re.escape(name)}['\"]?\s*=", re.IGNORECASE)
        lines = self._text(DOTENV).splitlines()
        return max((number for number, line in enumerate(lines, 1) if pattern.match(line)), default=1)

    def _toml_place(self, location: tuple[int | str, ...]) -> str:
        line = toml_line(self._text(self.file), location)
        return f"{self.file}, line {line}" if line else str(self.file)

    def _text(self, path: Path) -> str:
        if path not in self._texts:
            self._texts[path] = read_text(path)
        return self._texts[path]


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the known name most like a mistyped one; "" when none is like it."""
    by_plain = {_plain(candidate): candidate for candidate in known}
    matches = get_close_matches(_plain(name), by_plain, n=1, cutoff=0.6)
    return f"; did you mean {by_plain[matches[0]]}?" if matches else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").removeprefix(PREFIX.lower())


def toml_line(text: str, location: tuple[int | str, ...]) -> int | None:
    """The line of a key: `(key,)`, or `(table, index, key)` for a key in the n-th `[[table]]`. None when it stands in another form."""
    lines, start, found = text.splitlines(), 0, None
    for depth, part in enumerate(location):
        if isinstance(part, int):
            continue
        wanted = re.escape(part)
        index = location[depth + 1] if depth + 1 < len(location) else 0
        header = re.compile(rf"\s*\[\[?\s*['\"]?{wanted}['\"]?\s*\]")
        key = re.compile(rf"\s*['\"]?{wanted}['\"]?\s*=")
        skip = index if isinstance(index, int) else 0
        for number in range(start, len(lines)):
            if key.match(lines[number]):
                found = number
                break
            if header.match(lines[number]):
                if not skip:
                    found = number
                    break
                skip -= 1
        else:
            return None if found is None else found + 1
        start = found + 1
    return None if found is None else found + 1
