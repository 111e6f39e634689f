"""Keep JSON on one line for every reader: some also split lines at U+0085, U+2028 and U+2029, which JSON leaves as they are."""

import re
from typing import Final

_LINE_ENDS: Final = re.compile("[\u0085\u2028\u2029]")


def one_line(text: str) -> str:
    """JSON with these characters escaped, which changes nothing of what it says. They can only stand within its strings."""
    if text.isascii() or _LINE_ENDS.search(text) is None:
        return text
    return _LINE_ENDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
