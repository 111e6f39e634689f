"""Prints the longest stall of the event loop for each class of input, and the worst texts of all."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from chat.api.schemas.fields import MAX_TEXT
from tests import texts
from tests.bench.stalls.run import CONTROL, Stall, measure

CLASSES = {
    "largest message": ("latin",),
    "scripts": tuple(name for name in texts.SCRIPTS if name != "latin"),
    "pathological": tuple(name for name in texts.NAMES if name not in texts.SCRIPTS),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stalls", description=__doc__)
    parser.add_argument("--length", type=int, default=MAX_TEXT, help="characters of a text")
    parser.add_argument("--class", dest="only", action="append", choices=CLASSES, help="only these classes")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst texts to list")
    options = parser.parse_args()
    inputs = [
        (name, texts.text(name, options.length)) for kind in options.only or CLASSES for name in CLASSES[kind]
    ]
    with tempfile.TemporaryDirectory() as folder:
        stalls = asyncio.run(measure(Path(folder), inputs))
    print(table(stalls, options.worst))


def table(stalls: list[Stall], worst: int) -> str:
    """The worst text of each class, then the worst of all. Milliseconds."""
    lines = [
        "| class | worst text | characters | step | stall, processor ms | by the clock, ms | ended |",
        "|---|---|--:|---|--:|--:|---|",
    ]
    lines += [f"| control {_row(stall)}" for stall in stalls if stall.name == CONTROL]
    for kind, names in CLASSES.items():
        if of_class := [stall for stall in stalls if stall.name in names]:
            lines.append(f"| {kind} {_row(max(of_class, key=lambda stall: stall.cpu))}")
    if worst:
        lines += [f"| all {_row(stall)}" for stall in sorted(stalls, key=lambda stall: -stall.cpu)[:worst]]
    return "\n".join(lines)


def _row(stall: Stall) -> str:
    ended = ", ".join(stall.ended)
    return (
        f"| {stall.name} | {stall.length:,} | {stall.step} | {stall.cpu:.0f} | {stall.wall:.0f} | {ended} |"
    )


if __name__ == "__main__":
    main()
