"""Store statistics learned over all threads, by name. They are counts and ratios only: no text of any conversation."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import learned_stats
from store.upsert import upsert


def global_gaps_key(model_id: str) -> str:
    """The name of the histogram of a model's idle gaps over all threads."""
    return f"gaps {model_id}"


def prefix_key(settings: str) -> str:
    """The name of the size of a system prompt with its tools; `settings` is a digest of both, and of the model."""
    return f"prefix {settings}"


async def get(connection: AsyncConnection, name: str, *, to_change: bool = False) -> dict[str, Any] | None:
    """A value; None when nothing was learned yet. `to_change` locks it until the transaction ends."""
    query = select(learned_stats.c.value).where(learned_stats.c.name == name)
    row = (await connection.execute(query.with_for_update() if to_change else query)).one_or_none()
    return None if row is None else dict(row.value)


async def lock(connection: AsyncConnection, name: str, initial: dict[str, Any]) -> dict[str, Any]:
    """A value, locked until the transaction ends; stored as `initial` first when there is none, for an absent row cannot be locked."""
    await connection.execute(
        upsert(connection, learned_stats)
        .values(name=name, value=initial)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    value = await get(connection, name, to_change=True)
    return initial if value is None else value


async def put(connection: AsyncConnection, name: str, value: dict[str, Any]) -> None:
    """Insert or replace a value."""
    await connection.execute(
        upsert(connection, learned_stats)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )
