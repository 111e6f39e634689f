"""Store system prompts by digest: a turn names the digest, so that it can be replayed after the prompt was changed."""

from functools import cache

from sqlalchemy import Connection, Insert, bindparam, select

from context.request.prompts import Prompt
from store.tables import prompts
from store.upsert import upsert

_GET = select(prompts).where(prompts.c.digest == bindparam("digest"))


@cache
def _insert(dialect: str) -> Insert:
    return upsert(dialect, prompts).on_conflict_do_nothing()


def keep(connection: Connection, prompt: Prompt) -> None:
    """Store a prompt unless it is there."""
    connection.execute(
        _insert(connection.dialect.name),
        {"digest": prompt.digest, "name": prompt.name, "version": prompt.version, "body": prompt.text},
    )


def get(connection: Connection, digest: str) -> Prompt | None:
    """The prompt with this digest."""
    row = connection.execute(_GET, {"digest": digest}).one_or_none()
    return None if row is None else Prompt(name=row.name, version=row.version, text=row.body)
