"""Store statistics learned over all threads, by name. They are counts and ratios only: no text of any conversation."""

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from store.tables import learned_stats
from store.upsert import upsert

K = TypeVar("K", bound=Hashable)


def global_gaps_key(model_id: str) -> str:
    """The name of the histogram of a model's idle gaps over all threads."""
    return f"gaps {model_id}"


def prefix_key(settings: str) -> str:
    """The name of the size of a system prompt with its tools; `settings` is a digest of both, and of the model."""
    return f"prefix {settings}"


def get(connection: Connection, name: str, *, to_change: bool = False) -> dict[str, Any] | None:
    """A value; None when nothing was learned yet. `to_change` locks it until the transaction ends."""
    query = select(learned_stats.c.value).where(learned_stats.c.name == name)
    row = connection.execute(query.with_for_update() if to_change else query).one_or_none()
    return None if row is None else dict(row.value)


def some(connection: Connection, names: Mapping[K, str]) -> dict[K, dict[str, Any]]:
    """The values of some names, under the keys these have in `names`; absent where nothing was learned yet."""
    query = select(learned_stats.c.name, learned_stats.c.value).where(
        learned_stats.c.name.in_(list(names.values()))
    )
    values = {row.name: row.value for row in connection.execute(query)}
    return {key: values[name] for key, name in names.items() if name in values}


def lock(connection: Connection, name: str, initial: dict[str, Any]) -> dict[str, Any]:
    """A value, locked until the transaction ends; stored as `initial` first when there is none, for an absent row cannot be locked."""
    connection.execute(
        upsert(connection, learned_stats)
        .values(name=name, value=initial)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    value = get(connection, name, to_change=True)
    return initial if value is None else value


def put(connection: Connection, name: str, value: dict[str, Any]) -> None:
    """Insert or replace a value."""
    connection.execute(
        upsert(connection, learned_stats)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )
