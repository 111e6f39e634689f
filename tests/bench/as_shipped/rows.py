"""The table: what was measured beside what is aimed for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measured value; None: not measured, and `note` says why. `aim`: at most, or (`at_least`) at least; None: shown for comparison."""

    name: str
    value: float | None
    aim: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def mark(self) -> str:
        """Whether the aim is reached."""
        if self.aim is None or self.value is None:
            return ""
        return "yes" if (self.value >= self.aim if self.at_least else self.value <= self.aim) else "no"

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.3f}"
        aim = "" if self.aim is None else f"{'≥' if self.at_least else '≤'} {self.aim:g}"
        return f"| {self.name} | {value} | {aim} | {self.mark} | {self.note} |"


HEADER = "| measured | value | aim | reached | |\n|---|---:|---:|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where data and scorers are, and how much of it is used. `limit`: threads of each file; `turns` and `questions`: of each thread.

    `keep`: a folder in which the databases of threads stay that questions were asked of, so that they need not be played again.
    """

    data: Path
    kit: Path | None
    limit: int | None
    turns: int | None
    questions: int | None
    tier: str
    jobs: int
    keep: Path | None
    settings: dict[str, str]

    @classmethod
    def of(cls, args: argparse.Namespace) -> Options:
        names = cls.__slots__
        settings = dict(pair.split("=", 1) for pair in args.set)
        return cls(**{name: getattr(args, name) for name in names if name != "settings"}, settings=settings)

    def threads(self, usual: int | None) -> int | None:
        """How many threads of a file are played; `usual` unless somebody says otherwise; None: all."""
        return usual if self.limit is None else self.limit or None


Measure = Callable[[Options], Iterator[Row]]
