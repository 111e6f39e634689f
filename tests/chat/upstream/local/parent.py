"""A process that runs the local model and waits to be killed: `python -m tests.chat.upstream.local.parent FILE`. Prints the child's pid."""

import asyncio
import sys
from pathlib import Path

from chat.upstream.local.process import LocalModel


async def main(weights: Path) -> None:
    model = LocalModel(weights, slots=1, context_tokens=512)
    await model.start()
    print(f"\nchild {model.status.pid}", flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
