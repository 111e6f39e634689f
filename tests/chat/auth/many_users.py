"""More end users than a process remembers."""

import asyncio

from chat.auth.end_users import SEEN, EndUsers
from chat.auth.grants import LONGEST_ID
from chat.clock import SystemClock
from chat.config.settings import Settings


class _Kept:
    async def write(self, _: object) -> None:
        """As a database, but nothing is stored."""


def fill_end_users() -> EndUsers:
    """End users with the longest ids there are."""
    end_users = EndUsers(Settings(_env_file=None), _Kept(), SystemClock())  # type: ignore[arg-type]

    async def fill() -> None:
        for number in range(3 * SEEN):
            await end_users._ensure(f"user:{number:0{LONGEST_ID - 5}}", "")

    asyncio.run(fill())
    return end_users
