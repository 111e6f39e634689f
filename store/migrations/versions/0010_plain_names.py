"""plain names: tables, columns and stored JSON take the names that code, API and page use"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BATCH = 500  # rows read and written at a time, so that memory stays bounded

TABLES = {
    "lanes": "cache_states",
    "learned": "learned_stats",
    "usage": "ledger_entries",
    "alerts": "budget_alerts",
}
COLUMNS = (
    ("ledger_entries", "model_asked", "requested_model"),
    ("ledger_entries", "model_answered", "response_model"),
    ("ledger_entries", "predicted", "estimated_usage"),
    ("ledger_entries", "shortfall", "cache_miss"),
    ("turns", "asked", "requested_model"),
    ("turns", "cancel_asked", "cancel_requested"),
)
INDEXES = {
    "lanes_due": ("cache_states_due", "cache_states", ["next_at"]),
    "usage_by_time": ("ledger_entries_by_time", "ledger_entries", ["owner_id", "created_at"]),
    "usage_by_day": ("ledger_entries_by_day", "ledger_entries", ["created_at"]),
    "usage_by_turn": ("ledger_entries_by_turn", "ledger_entries", ["turn_id"]),
    "alerts_due": ("budget_alerts_due", "budget_alerts", ["next_at"]),
}
PLAN = {
    "predicted": "estimated_usage",
    "life": "window_ttl",
    "head_life": "head_ttl",
    "fold": "compaction",
}
CACHE_STATE = {
    "life": "window_ttl",
    "head": "head_ttl",
    "kept_day": "keepalive_day",
    "kept_cost": "keepalive_cost",
}


def upgrade() -> None:
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for old, (new, table, columns) in INDEXES.items():
        op.drop_index(old, table_name=table)
        op.create_index(new, table, columns)
    for table, old, new in COLUMNS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    connection = op.get_bind()
    _rewrite(connection, "turns", ("id",), "plan", _plan)
    _rewrite(connection, "cache_states", ("owner_id", "thread_id", "model"), "state", _cache_state)


def _plan(plan: dict[str, Any]) -> dict[str, Any]:
    plan = _renamed(plan, PLAN)
    if isinstance(compaction := plan.get("compaction"), dict):
        plan["compaction"] = _renamed(compaction, {"summariser": "summarizer"})
    if isinstance(reasons := plan.get("reasons"), dict):
        plan["reasons"] = _renamed(reasons, {"fold": "compaction"})
    recipe = plan.get("recipe")
    if isinstance(recipe, dict):
        for mark in recipe.get("breakpoints", ()):
            if mark.get("at") == "ladder":
                mark["at"] = "summary"
        for block in recipe.get("recalled", ()):
            if block.get("id") == "recall-standing":
                block["id"] = "recall-instructions"
    return plan


def _cache_state(state: dict[str, Any]) -> dict[str, Any]:
    return _renamed(state, CACHE_STATE)


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): item for key, item in value.items()}


def _rewrite(
    connection: sa.Connection,
    table: str,
    keys: tuple[str, ...],
    column: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Change a JSON column row by row, in batches in the order of the key."""
    rows = sa.table(table, *(sa.column(key, sa.String()) for key in keys), sa.column(column, sa.JSON()))
    key = [rows.c[name] for name in keys]
    last: Iterable[str] | None = None
    while True:
        query = sa.select(*key, rows.c[column]).order_by(*key).limit(BATCH)
        if last is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*(sa.literal(part) for part in last)))
        found = connection.execute(query).all()
        if not found:
            return
        for row in found:
            value = row[-1]
            if not isinstance(value, dict):
                continue
            where = [part == row[index] for index, part in enumerate(key)]
            connection.execute(sa.update(rows).where(*where).values({column: change(value)}))
        last = tuple(found[-1][:-1])
