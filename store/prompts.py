"""Store system prompts by digest: a turn names the digest, so that it can be replayed after the prompt was changed."""

from sqlalchemy import Connection, select

from context.request.prompts import Prompt
from store.tables import prompts
from store.upsert import upsert


def keep(connection: Connection, prompt: Prompt) -> None:
    """Store a prompt unless it is there."""
    connection.execute(
        upsert(connection, prompts)
        .values(digest=prompt.digest, name=prompt.name, version=prompt.version, body=prompt.text)
        .on_conflict_do_nothing()
    )


def get(connection: Connection, digest: str) -> Prompt | None:
    """The prompt with this digest."""
    row = connection.execute(select(prompts).where(prompts.c.digest == digest)).one_or_none()
    return None if row is None else Prompt(name=row.name, version=row.version, text=row.body)
