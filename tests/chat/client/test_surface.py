"""The blocking client and the one for asyncio are the same, but for what is awaited."""

import inspect

import pytest

from chat.client import AsyncPalaver, AsyncThread, AsyncTurn, Palaver, Thread, Turn

RENAMED = {"__iter__": "__aiter__", "__enter__": "__aenter__", "__exit__": "__aexit__"}


def methods(kind: type) -> dict[str, tuple[list[str], str | None]]:
    """The parameters and the docstring of each method."""
    return {
        RENAMED.get(name, name): (list(inspect.signature(method).parameters), method.__doc__)
        for name, method in vars(kind).items()
        if inspect.isfunction(method)
    }


@pytest.mark.parametrize(
    ("blocking", "asynchronous"), [(Palaver, AsyncPalaver), (Thread, AsyncThread), (Turn, AsyncTurn)]
)
def test_both_have_the_same_methods(blocking: type, asynchronous: type) -> None:
    assert methods(blocking) == methods(asynchronous)
