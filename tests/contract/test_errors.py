"""The drawing of the tree of errors is the tree."""

import re

from chat import errors
from chat.errors import PalaverError

LINE = re.compile(
    r"^(?P<indent>[ │]*)[├└]── (?P<name>\w+) +(?P<status>\d+) +(?P<code>\w+) *(?P<retry>\*?)", re.M
)


def drawn() -> dict[str, tuple[str, int, str, bool]]:
    """Each error's parent, status, code and whether a retry can help, as the docstring has them."""
    tree, parents = dict[str, tuple[str, int, str, bool]](), ["PalaverError"]
    for line in LINE.finditer(errors.__doc__ or ""):
        depth = len(line["indent"]) // 4 + 1
        parents[depth:] = [line["name"]]
        tree[line["name"]] = (parents[depth - 1], int(line["status"]), line["code"], bool(line["retry"]))
    return tree


def defined(base: type[PalaverError] = PalaverError) -> dict[str, tuple[str, int, str, bool]]:
    """The same from the classes."""
    tree = dict[str, tuple[str, int, str, bool]]()
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            tree[error.__name__] = (base.__name__, error.status, error.code, error.retryable)
            tree |= defined(error)
    return tree


def test_the_drawing_of_errors_is_complete_and_right() -> None:
    assert drawn() == defined()
