"""Find the parts of a JSON text by their places, without building them: what is not changed is sent as it came. Pure.

The text must be valid JSON (`check`). Whatever it holds, finding takes time in proportion to its length and no memory.
"""

import json
import re
from collections.abc import Iterator

import msgspec

Span = tuple[int, int]
"""Where a value begins and ends."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\]}]++")
_BETWEEN = re.compile(rb"[\s,:]*+")


def check(data: bytes) -> None:
    """Raises ValueError when the text is no JSON, or nested too deeply."""
    try:
        data.decode("utf-8")
        msgspec.json.decode(data, type=msgspec.Raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not valid UTF-8") from None
    except msgspec.MsgspecError as problem:
        raise ValueError(str(problem).removeprefix("JSON is malformed: ")) from None


def start_of(data: bytes) -> int:
    """Where the value begins."""
    return _skip(data, 0)


def members(data: bytes, at: int) -> Iterator[tuple[str, Span]]:
    """The names and values of the object that begins at `at`; none when no object does."""
    if data[at : at + 1] != b"{":
        return
    at = _skip(data, at + 1)
    while data[at : at + 1] != b"}":
        end = _end(data, at)
        name = json.loads(data[at:end])
        at = _skip(data, end)
        end = _end(data, at)
        yield name, (at, end)
        at = _skip(data, end)


def items(data: bytes, at: int) -> Iterator[Span]:
    """The entries of the array that begins at `at`; none when no array does."""
    if data[at : at + 1] != b"[":
        return
    at = _skip(data, at + 1)
    while data[at : at + 1] != b"]":
        end = _end(data, at)
        yield at, end
        at = _skip(data, end)


def _skip(data: bytes, at: int) -> int:
    found = _BETWEEN.match(data, at)
    return at if found is None else found.end()


def _end(data: bytes, at: int) -> int:
    """Where the value that begins at `at` ends."""
    match data[at : at + 1]:
        case b'"':
            found = _STRING.match(data, at)
        case b"{" | b"[":
            depth = 0
            for found in _TOKEN.finditer(data, at):
                first = data[found.start()]
                depth += (first in b"{[") - (first in b"}]")
                if not depth:
                    return found.end()
            raise ValueError("an object or array has no end")
        case _:
            found = _SCALAR.match(data, at)
    if found is None:
        raise ValueError("there is no value")
    return found.end()
