"""Garbage collection for a process that serves for months: seldom, and without what lives as long as the process."""

import gc

THRESHOLDS = (50_000, 50, 100)
"""New objects before a collection, and collections before those of older generations. Python's default looks through the objects of open
streams again and again: a sixth of the server's CPU, and pauses while everybody waits.
"""


def raise_thresholds() -> None:
    """Collect garbage seldom from now on."""
    gc.set_threshold(*THRESHOLDS)


def freeze_loaded() -> None:
    """Let no later collection look at what exists now: modules, configuration, compiled statements.

    Nothing is collected before: loading leaves a dozen objects as garbage, and looking for them takes 0.2 s.
    """
    gc.freeze()
