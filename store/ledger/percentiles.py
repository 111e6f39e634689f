"""Percentiles as `percentile_cont` has them: of Postgres itself, and by window functions on SQLite."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Row, Subquery, and_, case, cast, func

SHARES: Final = {"p50": 0.5, "p95": 0.95}


def own(calls: Subquery) -> list[ColumnElement[Any]]:
    """The database's own."""
    return [
        func.percentile_cont(share).within_group(calls.c.first_token_ms).label(name)
        for name, share in SHARES.items()
    ]


def by_rank(calls: Subquery) -> list[ColumnElement[Any]]:
    """The two values a percentile lies between; `calls` has the `rank` of each, and how many have `spoken`."""
    found: list[ColumnElement[Any]] = [func.max(calls.c.spoken).label("spoken")]
    for name, share in SHARES.items():
        below = cast(share * (calls.c.spoken - 1), Integer)
        received = calls.c.first_token_ms.is_not(None)
        for suffix, rank in (("low", calls.c.rank == below), ("high", calls.c.rank == below + 1)):
            found.append(
                func.max(case((and_(received, rank), calls.c.first_token_ms))).label(f"{name}_{suffix}")
            )
    return found


def read(row: Row[Any]) -> dict[str, float]:
    """The percentiles of one group, however they were asked for; empty when no call said anything."""
    if hasattr(row, "spoken"):
        if not row.spoken:
            return {}
        return {name: _between(row, name, share * (row.spoken - 1)) for name, share in SHARES.items()}
    return {name: float(getattr(row, name)) for name in SHARES if getattr(row, name) is not None}


def _between(row: Row[Any], name: str, position: float) -> float:
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return float(low) if high is None else low + (high - low) * (position - int(position))
