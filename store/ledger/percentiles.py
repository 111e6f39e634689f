"""Percentiles in SQL, as `percentile_cont` defines them: natively on Postgres, by window functions on SQLite."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Row, Subquery, and_, case, cast, func

SHARES: Final = {"p50": 0.5, "p95": 0.95}


def native(calls: Subquery) -> list[ColumnElement[Any]]:
    """Columns for a database that has `percentile_cont`."""
    return [
        func.percentile_cont(share).within_group(calls.c.first_token_ms).label(name)
        for name, share in SHARES.items()
    ]


def by_rank(calls: Subquery) -> list[ColumnElement[Any]]:
    """Columns with the two values each percentile lies between. `calls` has each row's `rank` and the number `with_token`."""
    columns: list[ColumnElement[Any]] = [func.max(calls.c.with_token).label("with_token")]
    for name, share in SHARES.items():
        below = cast(share * (calls.c.with_token - 1), Integer)
        received = calls.c.first_token_ms.is_not(None)
        for suffix, rank in (("low", calls.c.rank == below), ("high", calls.c.rank == below + 1)):
            columns.append(
                func.max(case((and_(received, rank), calls.c.first_token_ms))).label(f"{name}_{suffix}")
            )
    return columns


def read(row: Row[Any]) -> dict[str, float]:
    """The percentiles of one group, whichever columns it has; empty when no call has a first token."""
    if hasattr(row, "with_token"):
        if not row.with_token:
            return {}
        return {name: _between(row, name, share * (row.with_token - 1)) for name, share in SHARES.items()}
    return {name: float(getattr(row, name)) for name in SHARES if getattr(row, name) is not None}


def _between(row: Row[Any], name: str, position: float) -> float:
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return float(low) if high is None else low + (high - low) * (position - int(position))
