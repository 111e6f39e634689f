"""`python -m tests.bench.soak --minutes 20`, or `--requests 50000` for the memory of a server under mixed requests."""

import argparse
import sys

import structlog

from tests.bench.soak import mixed
from tests.bench.soak.run import main

if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40)
    )  # hundreds of faults are no news here
    ask = argparse.ArgumentParser(description="Chats with random faults; at the end ledger = provider's log.")
    ask.add_argument("--minutes", type=float, default=20)
    ask.add_argument("--requests", type=int, help="send so many mixed requests, and watch the memory")
    ask.add_argument("--people", type=int, default=12)
    ask.add_argument("--seed", type=int, default=1)
    given = ask.parse_args()
    if given.requests is not None:
        sys.exit(mixed.main(given.requests, given.seed))
    sys.exit(main(given.minutes, given.people, given.seed))
