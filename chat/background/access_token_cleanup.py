"""Delete what is stored of end users' tokens that expired."""

from functools import partial

from chat.runtime.runtime import Runtime
from store import access_tokens


async def delete_expired_tokens(runtime: Runtime) -> None:
    """Delete the tokens that have expired."""
    await runtime.database.write(partial(access_tokens.remove_old, before=runtime.clock.now()))
