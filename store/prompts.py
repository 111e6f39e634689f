"""Store system prompts by digest: a turn names the digest, so that it can be replayed after the prompt was changed."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from context.request.prompts import Prompt
from store.tables import prompts
from store.upsert import upsert


async def keep(connection: AsyncConnection, prompt: Prompt) -> None:
    """Store a prompt unless it is there."""
    await connection.execute(
        upsert(connection, prompts)
        .values(digest=prompt.digest, name=prompt.name, version=prompt.version, body=prompt.text)
        .on_conflict_do_nothing()
    )


async def get(connection: AsyncConnection, digest: str) -> Prompt | None:
    """The prompt with this digest."""
    row = (await connection.execute(select(prompts).where(prompts.c.digest == digest))).one_or_none()
    return None if row is None else Prompt(name=row.name, version=row.version, text=row.body)
