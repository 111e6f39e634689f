"""More tokens of end users than a process remembers."""

import asyncio
from typing import Any

from chat.auth.end_users import REMEMBERED, EndUsers
from chat.auth.grants import LONGEST_ID, Grant
from chat.auth.tokens import PREFIX
from chat.clock import SystemClock
from chat.config.settings import Settings
from store.access_tokens import AccessToken


class _Kept:
    """As a database in which every token is in force, with the longest owner and the longest limits there may be."""

    number = 0

    async def write(self, _: object) -> None:
        """Nothing is stored."""

    async def read(self, _: object) -> AccessToken:
        self.number += 1
        origins = [f"https://{self.number:0287}.{place}" for place in range(20)]
        limits: dict[str, Any] = Grant(origins=origins).model_dump(exclude_defaults=True)
        return AccessToken(
            id="", digest="", user_id=f"user:{self.number:0{LONGEST_ID - 5}}", signed=False, hint="", limits=limits,
            issued_at=0, expires_at=10**15,
        )  # fmt: skip


def fill_end_users() -> EndUsers:
    """End users of whom as many are remembered as can be."""
    end_users = EndUsers(Settings(_env_file=None), _Kept(), SystemClock())  # type: ignore[arg-type]

    async def fill() -> None:
        for number in range(2 * REMEMBERED):
            assert await end_users.admit(f"{PREFIX}{number}") is not None
            await end_users.ensure(f"{number:0255}")

    asyncio.run(fill())
    return end_users
