"""Base classes of the shapes (how strictly each is read), and the field types that several share."""

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from context.request.prompts import MAX_INSTRUCTIONS
from context.request.recipe import is_reserved

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}$"
MAX_TEXT = 400_000  # characters of one message
MAX_METADATA = 16_384  # bytes as JSON
REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Body(BaseModel):
    """A request body. Unknown fields are refused, and types are strict: `"1"` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def examples(*values: dict[str, Any]) -> ConfigDict:
    """The configuration of a shape whose description has these examples."""
    return ConfigDict(json_schema_extra={"examples": list(values)})


class Query(BaseModel):
    """A query string. Unknown parameters are refused; numbers and booleans are parsed from text."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class NoQuery(Query):
    pass


class Answer(BaseModel):
    """A response body. Absent values are null."""

    model_config = ConfigDict(frozen=True)


def replace_unstorable(text: str) -> str:
    """`text` with U+FFFD in place of each NUL and each half of a surrogate pair: no UTF-8 and no database holds them.

    A person pastes such text without knowing it, so it is replaced and not refused.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATE.sub(REPLACEMENT, text)
    return text.replace("\x00", REPLACEMENT)


def not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    size = 0
    for piece in json.JSONEncoder().iterencode(value):  # stops amid a value that is far too large
        size += len(piece)
        if size > MAX_METADATA:
            raise ValueError(f"must be at most {MAX_METADATA} bytes as JSON")
    return value


def _free(value: str) -> str:
    if is_reserved(value):
        raise ValueError("is reserved by the server")
    return value


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
NewId = Annotated[Id, AfterValidator(_free)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(not_blank)]
InstructionsText = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_INSTRUCTIONS), AfterValidator(not_blank)
]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(not_blank)]
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]
