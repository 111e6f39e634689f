"""Compare the golden values, or write them anew: `python -m tests.bench.golden [--write]`. Says what has become worse."""

from __future__ import annotations

import argparse
import json
import sys

from tests.bench.golden import golden


def main(argv: list[str] | None = None) -> int:
    """1 when something is beyond a limit, or differs and is not written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    new, old = golden.measured(), golden.stored() if golden.FILE.exists() else {}
    for line in golden.worse(new, old):
        print(f"worse: {line}")
    beyond = [line for name, values in new["runs"].items() for line in golden.beyond_limits(name, values)]
    for line in beyond:
        print(f"beyond its limit: {line}")
    print("as in the file" if new == old else "differs from the file")
    if args.write:
        text = json.dumps(new, indent=1, ensure_ascii=False, sort_keys=True)
        golden.FILE.write_text(text + "\n", encoding="utf-8")
    return int(bool(beyond) or (new != old and not args.write))


if __name__ == "__main__":
    sys.exit(main())
