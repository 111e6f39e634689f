"""Read a text file as people's programs write it: UTF-8, or UTF-16 with its byte-order mark, which PowerShell's `>` makes."""

import codecs
from pathlib import Path


def read_text(path: Path) -> str:
    """The text without its byte-order mark. Raises OSError, and UnicodeDecodeError for any other encoding."""
    data = path.read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig")
