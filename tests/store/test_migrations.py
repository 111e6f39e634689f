"""The schema: from every revision with data in it, forward, on both databases; and back to where it was when it fails."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from store import migrate, sqlite
from store.database import Database
from store.errors import SchemaTooNew, SqliteTooOld
from store.tables import metadata
from tests.postgres import Server

REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions()]

# What somebody who stopped at a revision had in the tables of that time. A new revision gets a row of its own here.
DATA: dict[str, tuple[str, ...]] = {
    "0001": (
        "INSERT INTO users (id, name, created_at) VALUES ('ada', 'Ada', 1)",
        "INSERT INTO threads (owner_id, id, title, meta, created_at, updated_at, answered_pk, read_pk, leaf_id) "
        "VALUES ('ada', 't', 'Überschrift', '{\"a\": 1}', 1, 2, 2, 1, 'a')",
        "INSERT INTO messages (owner_id, id, thread_id, depth, role, status, parts, tokens, refused, turn_id, created_at) "
        "VALUES ('ada', 'q', 't', 0, 'user', 'complete', '[{\"type\": \"text\", \"text\": \"hé\"}]', 3, false, 'turn', 1)",
        "INSERT INTO turns (id, owner_id, thread_id, user_message_id, message_id, status, fingerprint, meta, last_seq, "
        "lease_until, cancel_asked, log_kept, created_at) "
        "VALUES ('turn', 'ada', 't', 'q', 'a', 'completed', 'f', '{}', 1, 0, false, true, 1)",
        "INSERT INTO turn_events (turn_id, seq, payload) VALUES ('turn', 1, '{}')",
        "INSERT INTO usage (id, owner_id, purpose, model_asked, input, cache_read, cache_write_5m, cache_write_1h, "
        "output, reasoning, cost_usd, estimated, outcome, attempt, total_ms, created_at) "
        "VALUES ('call', 'ada', 'reply', 'm', 1, 2, 3, 4, 5, 6, '0.000001', false, 'ok', 1, 7, 8)",
        "INSERT INTO prompts (digest, name, version, body) VALUES ('d', 'n', 1, 'b')",
    ),
}
DATA["0002"] = DATA["0001"]  # no table a person's data stands in has changed
DATA["0003"] = (
    *DATA["0002"],
    "INSERT INTO lanes (owner_id, thread_id, model, state, turn_id, next_at) "
    "VALUES ('ada', 't', 'm', '{\"model\": \"m\"}', 'turn', 9)",
    "INSERT INTO learned (name, value) VALUES ('gaps', '{\"seen\": 1}')",
    "INSERT INTO summaries (id, owner_id, thread_id, upto_message_id, upto_depth, based_on, segments, active, origin, "
    "prompt_digest, created_at) VALUES ('s', 'ada', 't', 'q', 0, NULL, '[]', true, 'model', 'd', 5)",
    "UPDATE usage SET predicted = '{\"input\": 1}', shortfall = 'expired: why'",
)
DATA["0004"] = (
    *(
        statement.replace("cost_usd", "queue_ms, cost_pico").replace("'0.000001'", "0, 1000000")
        for statement in DATA["0003"]
    ),
    "INSERT INTO budgets (key, period_start, used, reserved, alerted) VALUES ('deployment|usd|day', 0, 5, 1, 80)",
    "INSERT INTO open_calls (id, owner_id, purpose, model, attempt, prompt, holder, reserved, created_at) "
    "VALUES ('c', 'ada', 'reply', 'm', 1, 9, 'p', '[]', 1)",
)
DATA["0005"] = DATA["0004"]
DATA["0006"] = (
    *DATA["0005"],
    "UPDATE budgets SET refused_at = 3",
    "INSERT INTO alerts (id, body, tries, next_at, created_at) VALUES ('alert', '{}', 1, 2, 3)",
)
DATA["0007"] = (*DATA["0006"], "UPDATE open_calls SET lease_until = 4")
DATA["0008"] = DATA["0007"]
DATA["0009"] = (
    *DATA["0008"],
    "INSERT INTO message_vectors (owner_id, thread_id, model, pk, vector) VALUES ('ada', 't', 'm', 1, 'v')",
)
DATA["0010"] = tuple(
    statement.replace("cancel_asked", "cancel_requested")
    .replace("usage (id", "ledger_entries (id")
    .replace("model_asked", "requested_model")
    .replace("INTO lanes", "INTO cache_states")
    .replace("INTO learned", "INTO learned_stats")
    .replace("UPDATE usage SET predicted", "UPDATE ledger_entries SET estimated_usage")
    .replace("shortfall", "cache_miss")
    .replace("INTO alerts", "INTO budget_alerts")
    for statement in DATA["0009"]
)
DATA["0011"] = DATA["0010"]
DATA["0012"] = (
    *DATA["0011"],
    "INSERT INTO compaction_claims (owner_id, thread_id, holder, lease_until) VALUES ('ada', 't', 'h', 1)",
)
DATA["0013"] = DATA["0012"]
DATA["0014"] = DATA["0013"]
DATA["0015"] = DATA["0014"]
DATA["0016"] = DATA["0015"]
DATA["0017"] = (*DATA["0016"], "INSERT INTO event_rounds (id, events) VALUES (1, 'x')")
DATA["0018"] = (
    *DATA["0017"],
    "INSERT INTO thread_instructions (owner_id, thread_id, digest, body, set_at) VALUES ('ada', 't', 'd', 'x', 1)",
)
DATA["0019"] = (
    *(statement for statement in DATA["0018"] if "budget_alerts" not in statement),
    "INSERT INTO webhook_deliveries (id, endpoint, event, body, status, tries, created_at, give_up_at) "
    "VALUES ('hook', 'e', 'feedback', '{}', 'waiting', 0, 1, 2)",
)
DATA["0020"] = (
    *DATA["0019"],
    "UPDATE users SET tokens_revoked_at = 1",
    "INSERT INTO access_tokens (id, digest, user_id, signed, hint, limits, issued_at, expires_at) "
    "VALUES ('tok', 'd', 'ada', false, 'abcd', '{}', 2, 3)",
)
KEPT = ("users", "threads", "messages", "turns", "turn_events", "ledger_entries", "prompts")
SINCE = {
    "0003": ("cache_states", "learned_stats", "summaries"),
    "0004": ("budgets", "open_calls"),
    "0006": ("webhook_deliveries",),  # alerts had an outbox of their own
    "0009": ("message_vectors",),
    "0012": ("compaction_claims",),
    "0017": ("event_rounds",),
    "0018": ("thread_instructions",),
    "0020": ("access_tokens",),
}  # tables that came with a revision


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without a schema."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
        yield opened
        await opened.close()
        return
    server: Server = request.getfixturevalue("postgres")
    async with server.database() as url:
        opened = Database(url)
        yield opened
        await opened.close()


def filled_tables(revision: str) -> list[str]:
    """The tables that had data in them at a revision."""
    return [*KEPT, *(table for since, tables in SINCE.items() if since <= revision for table in tables)]


async def rows(database: Database, tables: list[str]) -> dict[str, int]:
    def read(connection: Connection) -> dict[str, int]:
        return {table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}

    return await database.read(read)


async def tables(database: Database) -> set[str]:
    def names(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    return await database.read(names)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_revision_with_data_goes_forward(empty: Database, revision: str) -> None:
    await migrate.upgrade(empty, revision)

    def write(connection: Connection) -> None:
        for statement in DATA[revision]:
            connection.exec_driver_sql(statement)

    await empty.write(write)
    assert await migrate.upgrade(empty) == (revision, migrate.head())
    assert await rows(empty, filled_tables(revision)) == dict.fromkeys(filled_tables(revision), 1)
    assert await migrate.upgrade(empty) == (migrate.head(), migrate.head()), "a second time changes nothing"


async def test_the_migrated_schema_is_the_one_the_code_expects(empty: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        def ours(object_: object, name: str | None, type_: str, *_: object) -> bool:
            return not (type_ == "table" and name is not None and name.startswith("message_search"))

        options = {"include_object": ours, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    await migrate.upgrade(empty)
    assert await empty.read(differences) == []


async def test_a_migration_that_fails_leaves_the_old_state(empty: Database) -> None:
    table = "CREATE TABLE turns (somebody_elses INTEGER)"
    await empty.write(lambda connection: connection.exec_driver_sql(table))
    with pytest.raises(DatabaseError):
        await migrate.upgrade(empty)
    assert await tables(empty) == {"turns"}
    assert await migrate.current(empty) is None


@pytest.mark.postgres
async def test_replicas_that_start_together_migrate_once(postgres: Server) -> None:
    async with postgres.database() as url:
        replicas = [Database(url) for _ in range(4)]
        changed = await asyncio.gather(*(migrate.upgrade(replica) for replica in replicas))
        for replica in replicas:
            await replica.close()
    assert sorted(changed, key=str) == [(migrate.head(), migrate.head())] * 3 + [(None, migrate.head())]


async def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'p.db'}")
    await migrate.upgrade(database)

    def from_the_future(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    await database.write(from_the_future)
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrate.upgrade(database)
    assert await database.read(migrate.revision) == "9999"
    await database.close()


async def test_an_sqlite_that_lacks_what_is_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LEAST_VERSION", (9, 0, 0))
    database = Database(f"sqlite:///{tmp_path / 'p.db'}")
    with pytest.raises(SqliteTooOld, match=r"9\.0\.0"):
        await migrate.upgrade(database)
    await database.close()


def test_the_files_are_numbered_in_the_order_in_which_they_migrate() -> None:
    assert list(migrate.revisions()) == REVISIONS[::-1]
