"""What one owner asks never returns, changes, counts or reveals what another has, although their ids, keys and words are the same.

Every query of `store` that knows an owner is asked by bob twice, in transactions that are rolled back: beside two others, and alone
in the world. Both times he must get the same, and have the same afterwards; the others keep every row. A new query fails until it
has its cases in `owner_cases`, or its place among those that are for nobody's or everybody's rows.
"""

import asyncio
import importlib
import inspect
import pkgutil
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, TypeVar, get_type_hints

import pytest
from sqlalchemy import Connection

import store
from context.recall.thread import Outline
from store import migrate
from store.database import Database, Work
from store.search.branch_index import Branch, Outlines
from tests.migrated import migrated_file
from tests.postgres import Server
from tests.store.owner_cases import CASES, Ask
from tests.store.tenants import (
    BOB,
    OTHERS,
    World,
    read_world,
    remove_others,
    rows_of_everybody,
    store_tenants,
)
from tests.store.without_owner import WITHOUT_OWNER

Query = Callable[..., Any]
T = TypeVar("T")


def name_of(query: Query) -> str:
    return f"{query.__module__.removeprefix('store.')}.{query.__name__}"


def queries() -> Iterator[Query]:
    """Every function of `store` that gets a connection or a database."""
    for module in pkgutil.walk_packages(store.__path__, "store."):
        if module.name.startswith("store.migrations"):
            continue
        for function in vars(importlib.import_module(module.name)).values():
            if inspect.isfunction(function) and function.__module__ == module.name:
                public = not function.__name__.startswith("_")
                if {"connection", "database"} & inspect.signature(function).parameters.keys() and (
                    public or knows_an_owner(function)
                ):
                    yield function


def knows_an_owner(query: Query) -> bool:
    """Whether an owner is among its arguments, or in one of them."""
    kinds = {name: kind for name, kind in get_type_hints(query).items() if name != "return"}
    return any(name == "owner_id" or "owner_id" in _fields(kind) for name, kind in kinds.items())


def _fields(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)} if inspect.isclass(kind) and is_dataclass(kind) else set()


def test_every_query_has_its_cases_or_says_why_it_needs_none() -> None:
    known = {query: name_of(query) for query in queries()}
    assert len(known) > 80
    for query, name in known.items():
        assert (query in CASES) != (name in WITHOUT_OWNER), name
        assert query in CASES or not knows_an_owner(query), f"{name} has an owner: it needs cases"
    assert set(WITHOUT_OWNER) <= set(known.values())
    assert all(CASES.values())


@pytest.fixture(scope="session")
def lite_tenants(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tenants") / "palaver.db"
    shutil.copy(migrated_file(), path)
    url = f"sqlite:///{path}"
    asyncio.run(_fill(url))
    return url


@pytest.fixture(scope="session")
def postgres_tenants(postgres: Server) -> Iterator[str]:
    async def make(stack: AsyncExitStack) -> str:
        url = await stack.enter_async_context(postgres.database())
        await _fill(url)
        return url

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner.run(make(stack))
        runner.run(stack.aclose())


async def _fill(url: str) -> None:
    database = Database(url)
    await migrate.upgrade(database)
    await database.write(store_tenants)
    await database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def tenants(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{'lite' if request.param == 'sqlite' else 'postgres'}_tenants")
    return url


@pytest.mark.parametrize("query", CASES, ids=name_of)
async def test_an_owner_is_alone_in_the_world(tenants: str, query: Query) -> None:
    database = Database(tenants)
    try:
        world, before = await database.read(_world_and_rows)
        assert all(len(before[owner]) == 14 for owner in OTHERS), "the others have something of everything"
        together = await _undone(database, partial(_asked, asks=CASES[query], world=world))
        alone = await _undone(database, partial(_asked_alone, asks=CASES[query], world=world))
    finally:
        await database.close()
    for (answer, rows), (answer_alone, rows_alone) in zip(together, alone, strict=True):
        assert all(rows[owner] == before[owner] for owner in OTHERS), "rows of others are changed"
        assert answer == answer_alone, "what others have shows in the answer"
        assert rows[BOB] == rows_alone[BOB], "what others have decides what is stored"
    answered = any(rows[BOB] != before[BOB] or not failed(answer) for answer, rows in together)
    by_cascade = query.__name__ == "forget_thread" and database.dialect == "postgresql"
    assert answered or by_cascade, "a query that never does anything proves nothing"


def failed(answer: Any) -> bool:
    return not answer or inspect.isclass(answer)


class _Undo(Exception):
    """Rolls a transaction back."""


async def _undone(database: Database, work: Work[T]) -> T:
    """What `work` returns, in a transaction that is rolled back."""
    results: list[T] = []

    def write(connection: Connection) -> None:
        results.append(work(connection))
        raise _Undo

    with pytest.raises(_Undo):
        await database.write(write)
    return results[-1]


def _world_and_rows(connection: Connection) -> tuple[World, dict[str, dict[str, list[str]]]]:
    return read_world(connection), rows_of_everybody(connection)


def _asked(connection: Connection, asks: Sequence[Ask], world: World) -> list[tuple[Any, Any]]:
    return [_asked_once(connection, ask, world) for ask in asks]


def _asked_alone(connection: Connection, asks: Sequence[Ask], world: World) -> list[tuple[Any, Any]]:
    remove_others(connection)
    return _asked(connection, asks, world)


def _asked_once(connection: Connection, ask: Ask, world: World) -> tuple[Any, Any]:
    """What is answered, or the kind of what is raised; then who has what. All of it is undone."""
    savepoint = connection.begin_nested()
    try:
        with connection.begin_nested():
            answer = ask(connection, world)
    except Exception as failure:  # noqa: BLE001 - compared with what happens without the others
        answer = type(failure)
    rows = rows_of_everybody(connection)
    savepoint.rollback()
    return answer, rows


def _empty_branch() -> Branch:
    outline = Outline(roles=(), tokens=(), at=(), typical=1.0)
    return Branch(first=0, last=0, tip=None, pks=(), depths=(), outline=outline, place={})


def test_remembered_branches_are_kept_apart() -> None:
    outlines, branch = Outlines(), _empty_branch()
    outlines.put("ada", "t", branch)
    assert outlines.get("bob", "t") is None
    outlines.forget("bob", "t")
    assert outlines.get("ada", "t") is branch
    outlines.put("bob", "t", _empty_branch())
    assert outlines.get("ada", "t") is branch
    outlines.forget("ada", "t")
    assert outlines.get("ada", "t") is None
