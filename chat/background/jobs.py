"""The background jobs there are, each with its name in logs, its deadline, and how many of it may run at a time.

A job that passes its deadline is cancelled. Each can be derived again from what is stored, so nothing is lost with it.
"""

from dataclasses import dataclass

PATIENCE = (
    60.0  # seconds a job waits for a database that does not answer: what it was paid for is not thrown away
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A kind of background job. `deadline` in seconds; `at_most` run at a time in this process, and more are left out."""

    name: str
    deadline: float
    at_most: int = 1_000


TITLE = Job(name="title", deadline=300)
"""One short call, which may wait in the queue behind people's turns."""

COMPACTION = Job(name="compaction", deadline=1_800)
"""One call or two for each 90,000 tokens, a minute or less each; an imported conversation may have many."""

EMBEDDING = Job(name="embedding", deadline=300)
"""Vectors of at most 512 messages, all on one core."""

CACHE_MISS = Job(name="cache_miss", deadline=60, at_most=4)
"""Database reads only. A provider that loses its cache makes all turns miss it at once: then some are explained, not all."""

KEEPALIVE = Job(name="keepalive", deadline=150, at_most=20)
"""One call that asks for no answer. Shorter than the claim on the cache state, so that nobody else takes it up meanwhile."""

DUE_KEEPALIVES = Job(name="due_keepalives", deadline=60)
"""One query for the cache states that are due, and a claim on each."""

SEARCH_INDEX = Job(name="search_index", deadline=86_400)
"""Looks at every message once after a start, 2,000 at a time, and indexes those that search lacks. After an update it may index all anew,
a thousand messages in about a second; what does not get done goes on after the next start."""

ERASURE = Job(name="erasure", deadline=600, at_most=1)
"""Overwrites what deleted threads left in the search index and the write-ahead log, in short transactions."""

WRITE_PROBE = Job(name="write_probe", deadline=30)
"""Writes one row, so that readiness includes that the database takes writes."""

ACCESS_TOKEN_CLEANUP = Job(name="access_token_cleanup", deadline=600)
"""Deletes the tokens of end users that expired, in one statement."""

EVENT_LOG_CLEANUP = Job(name="event_log_cleanup", deadline=600)
"""Deletes the event logs of an hour, in batches."""

WEBHOOK_CLEANUP = Job(name="webhook_cleanup", deadline=600)
"""Three statements: gives up deliveries whose endpoint is gone, and removes old ones."""
