"""Errors as they are described: the drawing of their tree, and the table in chat/api/README.md."""

import re

from chat import errors
from chat.api.schemas.errors import ErrorBody, SpentBudgetOut
from chat.errors import PalaverError
from tests.markdown import rows, section

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


def test_the_table_of_errors_is_complete() -> None:
    leaves = {name: error for name, error in defined().items() if name != errors.OverBudget.__name__}
    expected = {
        (str(status), f"`{code}`", "yes" if retry else "no") for _, status, code, retry in leaves.values()
    }
    table = rows(section("chat/api/README.md", "Errors"))
    assert {row[:3] for row in table} == expected
    assert len(table) == len(expected)


def test_the_message_an_error_carries_is_described() -> None:
    text = section("chat/api/README.md", "Errors")
    fields = set(re.findall(r'"(\w+)"', text.split("`{", 1)[1].split("}}`", 1)[0])) - {"error"}
    assert fields == ErrorBody.model_fields.keys() - {"budget"}
    budget = re.search(r"`budget {([^}]+)}`", text)
    assert budget is not None
    assert set(budget[1].split(", ")) == SpentBudgetOut.model_fields.keys()
