"""A pytest plugin for mutants: nothing that unchanged code has computed before is remembered.

A mutant runs in a fork of a process that has run the tests already.
"""

import functools
import sys


def pytest_sessionstart() -> None:
    """Clear every cache of our modules."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("chat", "store", "context"):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
