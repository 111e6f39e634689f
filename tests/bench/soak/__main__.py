"""`python -m tests.bench.soak --minutes 20`."""

import argparse
import sys

import structlog

from tests.bench.soak.run import main

if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40)
    )  # hundreds of faults are no news here
    ask = argparse.ArgumentParser(description="Chats with random faults; at the end ledger = provider's log.")
    ask.add_argument("--minutes", type=float, default=20)
    ask.add_argument("--people", type=int, default=12)
    ask.add_argument("--seed", type=int, default=1)
    given = ask.parse_args()
    sys.exit(main(given.minutes, given.people, given.seed))
