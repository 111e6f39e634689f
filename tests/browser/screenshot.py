"""Take the picture of the page that README.md shows: `python -m tests.browser.screenshot` writes web/screenshot.png.

A real server answers with the texts below through the simulator, so the picture has the labels and figures of today's page.
"""

import asyncio
import logging
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from playwright.async_api import async_playwright, expect
from sqlalchemy import Connection

from chat.api.page import DIST
from store import threads
from store.local_user import LOCAL
from tests.browser.conftest import FLAGS, chromium
from tests.browser.visitor import visit
from tests.palaver import palaver
from tests.upstream import Reply, Simulator

PICTURE = DIST.parent / "screenshot.png"
LOOK: dict[str, Any] = {
    "color_scheme": "light",
    "viewport": {"width": 1280, "height": 800},
    "locale": "en-GB",
}
MINUTE = 60_000  # milliseconds
DAY = 24 * 60 * MINUTE
OTHERS = (  # title and age of the other conversations
    ("Refund for order 4471", MINUTE),
    ("Why the sourdough stays flat", 2 * MINUTE),
    ("Postgres advisory locks, by example", DAY),
    ("Étude in E minor: fingering", DAY + MINUTE),
    ("A letter to the landlord", 3 * DAY),
    ("Neap tides, explained", 5 * DAY),
    ("Reading list on tidal power", 40 * DAY),
)
ROUTE = "We take the car: Bodø to Moskenes by ferry, then 340 km on the islands. Ours needs 6.5 litres per 100 km."
NOTED = "Noted: **Bodø to Moskenes** by ferry, then 340 km by car at 6.5 l per 100 km."
QUESTION = "What will the driving cost us in March, ferry included?"
THOUGHT = "The distance and the consumption were named before. Fuel first, then the crossing, there and back."
ANSWER = r"""Your route and consumption are known, so only the prices are new:

$$\text{fuel} = 340\ \text{km} \times \frac{6.5\ \text{l}}{100\ \text{km}} \times 21.40\ \tfrac{\text{kr}}{\text{l}} \approx 473\ \text{kr}$$

| Item | How it is counted | Cost |
| :--- | :--- | ---: |
| Fuel | 22.1 l at 21.40 kr | 473 kr |
| Ferry, car up to 6 m | 2 × 1,024 kr | 2,048 kr |
| Ferry, one passenger | 2 × 293 kr | 586 kr |
| **Together** | | **3,107 kr** |

Book the ferry early: in March it sails **once a day**, and the car deck is small.

> With four people in the car, the ferry is 1,758 kr more.
"""


async def take(path: Path = PICTURE) -> None:
    """Play the conversation and save the picture."""
    with TemporaryDirectory() as folder:
        async with (
            Simulator() as simulator,
            palaver(Path(folder), simulator, log_level="error") as app,
            async_playwright() as playwright,
        ):
            await app.deps.database.write(_fill_list)
            simulator.script(
                Reply(text=NOTED, thinking=""),
                Reply(text=ANSWER, thinking=THOUGHT),
            )
            await app.chat("lofoten", ROUTE)
            await app.chat("lofoten", QUESTION)
            await app.http.patch("/api/threads/lofoten", json={"title": "Lofoten in March", "read": True})
            browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            visitor = await visit(browser, f"{app.url}/t/lofoten", **LOOK)
            await expect(visitor.page.locator("math")).to_be_visible()
            await visitor.page.screenshot(path=path, animations="disabled")
            await browser.close()


def _fill_list(connection: Connection) -> None:
    now = round(time.time() * 1000)
    for title, age in OTHERS:
        threads.create(connection, LOCAL, f"age-{age}", now=now - age, title=title)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(take())
