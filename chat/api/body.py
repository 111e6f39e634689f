"""Read, limit, parse and validate JSON request bodies: one reader for all routes, so that any hostile body is answered with a 4xx."""

import asyncio
import json
import math
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from chat.api.schemas.fields import replace_unstorable
from chat.errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMedia
from chat.off_loop import off_loop

MAX_BODY = 1_048_576  # bytes
DEADLINE = 30.0  # seconds a body may take to arrive
MAX_DEPTH = 32  # levels of nesting
MAX_DIGITS = 30  # digits of an integer: no real quantity has more

M = TypeVar("M", bound=BaseModel)


async def read(request: Request, model: type[M], *, limit: int = MAX_BODY) -> M:
    """The request's body, of at most `limit` bytes, as `model`.

    Raises UnsupportedMedia, TooLarge, RequestTimeout, or BadRequest naming the field.
    """
    data = await read_bytes(request, limit=limit)
    return await off_loop(len(data), lambda: validate(model, parse(data)))


async def read_bytes(request: Request, *, limit: int = MAX_BODY, deadline: float = DEADLINE) -> bytes:
    """The bytes of a JSON body, `limit` at most, which may take `deadline` seconds to arrive.

    Raises UnsupportedMedia, TooLarge, RequestTimeout, and BadRequest.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia("the body must be application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("compressed bodies are not accepted")
    declared_length = request.headers.get("content-length", "")
    if declared_length.isdecimal() and (len(declared_length) > 12 or int(declared_length) > limit):
        raise TooLarge(f"the body may have at most {limit} bytes")
    collected = bytearray()
    try:
        async with asyncio.timeout(deadline):
            async for chunk in request.stream():
                collected += chunk
                if len(collected) > limit:
                    raise TooLarge(f"the body may have at most {limit} bytes")
    except TimeoutError:
        raise RequestTimeout("the body did not arrive in time") from None
    except ClientDisconnect:
        raise BadRequest("the body ended too early") from None
    return bytes(collected)


def parse(data: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no duplicate keys, bounded nesting and numbers. A NUL or lone surrogate in a text is replaced."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the body is not valid UTF-8") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_int, parse_float=_float
        )
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    except json.JSONDecodeError as problem:
        raise BadRequest(
            f"the body is not valid JSON (line {problem.lineno}, column {problem.colno})"
        ) from None
    return _clean(value)


def validate(model: type[M], value: Any, *, where: str = "") -> M:
    """`value` as `model`. Raises BadRequest naming the first wrong field."""
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        error = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        field = where + ".".join(str(part) for part in error["loc"] if not str(part).startswith("function-"))
        raise BadRequest(f"{field or 'the body'}: {error['msg']}", param=field or None) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise BadRequest("an object has the same key twice")
    return parsed


def _constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not JSON")


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRequest("a number has too many digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > 4 * MAX_DIGITS or not math.isfinite(value):
        raise BadRequest("a number is too large")
    return value


def _clean(value: Any, depth: int = 0) -> Any:
    """`value` with the replacement character for each NUL and lone surrogate in its texts. Raises BadRequest for such a key."""
    if depth > MAX_DEPTH:
        raise BadRequest("the body is nested too deeply")
    if isinstance(value, str):
        return replace_unstorable(value)
    if isinstance(value, dict):
        for key in value:
            check_string(key)
        return {key: _clean(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, depth + 1) for inner in value]
    return value


def check_string(value: str) -> None:
    """Raises BadRequest for text that UTF-8 or the database cannot hold."""
    if "\x00" in value:
        raise BadRequest("text may not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest("text contains half a surrogate pair") from None
