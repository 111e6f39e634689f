"""Compare the golden values, or write them anew: `python -m tests.bench.golden [--write] [--parts decisions]`. Says what has become worse."""

from __future__ import annotations

import argparse
import json
import sys

from tests.bench.golden import golden


def main(argv: list[str] | None = None) -> int:
    """1 when something is beyond a limit, or differs and is not written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--parts", default=",".join(golden.PARTS), help="only these parts of the file")
    args = parser.parse_args(argv)
    old = golden.stored()
    new = {part: golden.PARTS[part]() for part in args.parts.split(",")}
    for line in golden.worse(new, old):
        print(f"worse: {line}")
    runs = new.get("runs", {})
    beyond = [line for name, values in runs.items() for line in golden.beyond_limits(name, values)]
    for line in beyond:
        print(f"beyond its limit: {line}")
    differing = [part for part, values in new.items() if values != old.get(part)]
    print(f"differs from the file: {', '.join(differing)}" if differing else "as in the file")
    if args.write:
        text = json.dumps({**old, **new}, indent=1, ensure_ascii=False, sort_keys=True)
        golden.FILE.write_text(text + "\n", encoding="utf-8")
    return int(bool(beyond) or (bool(differing) and not args.write))


if __name__ == "__main__":
    sys.exit(main())
