"""`python -m tests.upstream --port 8765`: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import signal

from tests.upstream.log import Log
from tests.upstream.simulator import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0 picks a free one")
    parser.add_argument(
        "--chaos", type=float, default=0.0, metavar="RATE", help="share of requests that go wrong"
    )
    parser.add_argument("--seed", help="the same seed gives the same trouble and the same ids")
    parser.add_argument("--log-limit", type=int, default=10_000, help="exchanges kept for GET /sim/log")
    parser.add_argument("--drop-bodies", action="store_true", help="keep no request bodies in the log")
    asyncio.run(serve(parser.parse_args()))


async def serve(options: argparse.Namespace) -> None:
    """Serve until interrupted; the first line printed is the address, for whoever started the process."""
    log = Log(limit=options.log_limit, keep_bodies=not options.drop_bodies)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(port=options.port, log=log, seed=options.seed) as sim:
        sim.chaos(options.seed or 0, options.chaos)
        print(sim.base_url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    main()
