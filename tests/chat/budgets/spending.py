"""Budgets in settings, and what was spent: by the counters, by the ledger, and by the provider."""

from typing import Any

from sqlalchemy import Connection, text

from context.models.pricing import pico, price
from store.database import Database
from tests.chat.talk import actual_usage
from tests.upstream.log import Exchange


def budget(limit: object, **more: Any) -> dict[str, Any]:
    return {"scope": "user", "unit": "usd", "period": "day", "limit": str(limit), **more}


async def counted(database: Database) -> dict[str, tuple[int, int]]:
    """Used and set aside by key, over all periods."""

    def read(connection: Connection) -> dict[str, tuple[int, int]]:
        rows = connection.execute(text("SELECT key, used, reserved FROM budgets ORDER BY key"))
        return {row.key: (int(row.used), int(row.reserved)) for row in rows}

    return await database.read(read)


async def spent(database: Database) -> dict[str, int]:
    """The sums of the ledger by unit."""

    def read(connection: Connection) -> dict[str, int]:
        kinds = "input + cache_read + cache_write_5m + cache_write_1h + output"
        row = connection.execute(text(f"SELECT SUM(cost_pico), SUM({kinds}) FROM ledger_entries")).one()
        return {"usd": int(row[0] or 0), "tokens": int(row[1] or 0)}

    return await database.read(read)


def cost(entry: Exchange) -> int:
    """What the provider bills for one call, in picodollars."""
    cost_usd = price(entry.json["model"], actual_usage(entry))
    assert cost_usd is not None
    return pico(cost_usd)
