"""Store statistics learned over all threads, by name. They are counts and ratios only: no text of any conversation."""

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, bindparam, select

from store.tables import learned_stats
from store.upsert import upsert

K = TypeVar("K", bound=Hashable)

_GET = select(learned_stats.c.value).where(learned_stats.c.name == bindparam("name"))
_GET_TO_CHANGE = _GET.with_for_update()
_SOME = select(learned_stats.c.name, learned_stats.c.value).where(
    learned_stats.c.name.in_(bindparam("names", expanding=True))
)


@cache
def _add(dialect: str) -> Insert:
    return upsert(dialect, learned_stats).on_conflict_do_nothing(index_elements=["name"])


@cache
def _put(dialect: str) -> Insert:
    added = upsert(dialect, learned_stats)
    return added.on_conflict_do_update(index_elements=["name"], set_={"value": added.excluded.value})


def global_gaps_key(model_id: str) -> str:
    """The name of the histogram of a model's idle gaps over all threads."""
    return f"gaps {model_id}"


def prefix_key(settings: str) -> str:
    """The name of the size of a system prompt with its tools; `settings` is a digest of both, and of the model."""
    return f"prefix {settings}"


def get(connection: Connection, name: str, *, to_change: bool = False) -> dict[str, Any] | None:
    """A value; None when nothing was learned yet. `to_change` locks it until the transaction ends."""
    row = connection.execute(_GET_TO_CHANGE if to_change else _GET, {"name": name}).one_or_none()
    return None if row is None else dict(row.value)


def some(connection: Connection, names: Mapping[K, str]) -> dict[K, dict[str, Any]]:
    """The values of some names, under the keys these have in `names`; absent where nothing was learned yet."""
    rows = connection.execute(_SOME, {"names": list(names.values())})
    values = {row.name: row.value for row in rows}
    return {key: values[name] for key, name in names.items() if name in values}


def lock(connection: Connection, name: str, initial: dict[str, Any]) -> dict[str, Any]:
    """A value, locked until the transaction ends; stored as `initial` first when there is none, for an absent row cannot be locked."""
    connection.execute(_add(connection.dialect.name), {"name": name, "value": initial})
    value = get(connection, name, to_change=True)
    return initial if value is None else value


def put(connection: Connection, name: str, value: dict[str, Any]) -> None:
    """Insert or replace a value."""
    connection.execute(_put(connection.dialect.name), {"name": name, "value": value})
