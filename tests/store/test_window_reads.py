"""What a turn reads depends on its window and never on the length of the thread: counted, not timed."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, text

from store import branches, messages, threads, turns
from store.database import Database
from tests.store.counting import counted, settled

SHORT, LONG = 100, 100_000
WINDOW = 12  # messages of ten tokens each

Read = Callable[[Connection, str, int], None]


def the_window(connection: Connection, thread: str, length: int) -> None:
    rows = branches.branch(
        connection, "ada", thread, f"{thread}-{length - 1}", rows=4_000, tokens=10 * (WINDOW - 1)
    )
    assert len(rows) == WINDOW


def a_page(connection: Connection, thread: str, length: int) -> None:
    rows = branches.branch(connection, "ada", thread, f"{thread}-{length // 2}", rows=WINDOW)
    families = branches.siblings(connection, "ada", thread, {row.message.parent_id for row in rows})
    assert len(rows) == sum(len(family) for family in families.values()) == WINDOW


def the_thread(connection: Connection, thread: str, length: int) -> None:
    snapshot = threads.get(connection, "ada", thread)
    assert snapshot is not None
    assert snapshot.running_turn_id == f"turn-{thread}-{length - 1}"


def the_list(connection: Connection, thread: str, length: int) -> None:
    assert len(threads.page(connection, "ada", limit=10, title_contains=thread)) == 1


def the_answer_and_its_turn(connection: Connection, thread: str, length: int) -> None:
    stored = messages.get(connection, "ada", f"{thread}-{length - 1}", thread_id=thread)
    assert stored is not None
    assert turns.get(connection, "ada", stored.turn_id) is not None
    assert turns.by_key(connection, "ada", f"key-{thread}-{length - 1}") is not None


def the_newest_leaf(connection: Connection, thread: str, length: int) -> None:
    leaf = branches.newest_leaf(connection, "ada", thread, f"{thread}-{length - WINDOW}")
    assert leaf == f"{thread}-{length - 1}"


READS: tuple[Read, ...] = (
    the_window,
    a_page,
    the_thread,
    the_list,
    the_answer_and_its_turn,
    the_newest_leaf,
)


async def fill(database: Database, thread: str, length: int) -> None:
    """A thread of `length` messages, every second with its turn; the last turn still runs."""
    empty = "'[]'::json" if database.dialect == "postgresql" else "'[]'"
    none = "'{}'::json" if database.dialect == "postgresql" else "'{}'"
    numbers = (
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :length)"
    )
    insert_messages = f"""
        INSERT INTO messages (owner_id, thread_id, id, parent_id, depth, role, status, parts, tokens, refused, turn_id,
            created_at)
        {numbers}
        SELECT 'ada', :thread, :prefix || n, CASE n WHEN 0 THEN NULL ELSE :prefix || (n - 1) END, n,
            CASE n % 2 WHEN 1 THEN 'assistant' ELSE 'user' END, 'complete', {empty}, 10, false,
            'turn-' || :prefix || (n - n % 2 + 1), n FROM numbers"""
    insert_turns = f"""
        INSERT INTO turns (owner_id, thread_id, id, user_message_id, message_id, status, fingerprint, idempotency_key,
            meta, last_seq, lease_until, cancel_requested, log_kept, created_at, finished_at)
        {numbers}
        SELECT 'ada', :thread, 'turn-' || :prefix || n, :prefix || (n - 1), :prefix || n,
            CASE n + 1 WHEN :length THEN 'running' ELSE 'completed' END, 'f', 'key-' || :prefix || n,
            {none}, 9, 0, false, false, n, n FROM numbers WHERE n % 2 = 1"""
    values = {"thread": thread, "prefix": f"{thread}-", "length": length}

    def write(connection: Connection) -> None:
        threads.create(connection, "ada", thread, now=1, title=thread)
        connection.execute(text(insert_messages), values)
        connection.execute(text(insert_turns), values)

    await database.write(write)


async def test_reads_are_as_large_as_the_window_whatever_the_length_of_the_thread(database: Database) -> None:
    lengths = {"short": SHORT, "long": LONG}
    for thread, length in lengths.items():
        await fill(database, thread, length)
    await settled(database, "messages", "turns", "threads")

    def costs(connection: Connection, read: Read) -> dict[str, int]:
        cost: dict[str, int] = {}
        for _ in range(8):  # Postgres may change its plan once it has seen a statement a few times
            for thread, length in lengths.items():
                cost[thread] = counted(connection, partial(read, connection, thread, length))
        return cost

    for read in READS:
        cost = await database.read(partial(costs, read=read))
        assert cost["long"] <= cost["short"] * 1.3 + 8, (read.__name__, cost)
        if database.dialect == "postgresql":
            assert cost["long"] <= 4 * WINDOW, (read.__name__, cost)
