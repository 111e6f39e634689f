"""A pytest plugin for mutants: nothing that unchanged code has computed before is remembered.

A mutant runs in a fork of a process that has run the tests already. And while the tool records which tests reach which function, every
test begins without a memory: or a function behind a cache would be reached by the first test alone, and only that one be tried on its mutants.
"""

import functools
import os
import sys


def pytest_sessionstart() -> None:
    """Clear every cache of our modules."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("chat", "store", "context"):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


def pytest_runtest_setup() -> None:
    """The same before each test while the tool records."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        pytest_sessionstart()
