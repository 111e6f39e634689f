"""Read what a plan is made from: the branch since its summary, the summary, the cache states and the learned idle gaps."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from chat.runtime.runtime import Runtime
from context.cache.cache_state import CacheState
from context.cache.global_gaps import GlobalGaps
from context.compaction.when import is_whole
from context.messages import Message
from context.policy import DEFAULT
from context.request.prompts import Instructions
from context.request.summary_blocks import Summary, may_stand
from context.request.window import spoken
from store import branches, cache_states, instructions, learned_stats, summaries, threads
from store.cache_states import StoredCacheState

MAX_ROWS = 4_000  # messages of a window, whatever their size: bounds what a turn reads and sends


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSnapshot:
    """A branch as of one moment. `path` runs from just after the summary (or is the newest part of that) to the leaf, oldest first.

    `tier_pin` and `instructions` (of any size) are the thread's.
    """

    owner_id: str
    thread_id: str
    path: tuple[Message, ...]
    summary: Summary | None
    cache_states: Mapping[str, StoredCacheState]
    global_gaps_by_model: Mapping[str, GlobalGaps]
    tier_pin: str | None = None
    instructions: Instructions | None = None

    @property
    def texts(self) -> Iterator[str]:
        """The texts whose sizes a plan needs, but for the summary's."""
        if self.instructions is not None:
            yield self.instructions.text
        yield from map(spoken, self.path)

    @property
    def whole(self) -> bool:
        """Whether the path holds all that no summary stands for: an import may be far more than a window."""
        return is_whole(self.path, self.summary)

    def with_answer(
        self, answer: Message, stored: StoredCacheState, global_gaps: GlobalGaps
    ) -> "ThreadSnapshot":
        """The thread with an answer to its newest message, and with the cache state and the idle gaps of the model that gave it."""
        model = stored.cache_state.model
        return replace(
            self,
            path=(*self.path, answer),
            cache_states={**self.cache_states, model: stored},
            global_gaps_by_model={**self.global_gaps_by_model, model: global_gaps},
        )

    def cache_state(self, model_id: str) -> CacheState:
        """The cache state of a model; a new one if it never answered here."""
        stored = self.cache_states.get(model_id)
        return CacheState(model=model_id, share=0.0) if stored is None else stored.cache_state

    def global_gaps(self, model_id: str) -> GlobalGaps:
        """The idle gaps of all threads' cache states of a model."""
        return self.global_gaps_by_model.get(model_id) or GlobalGaps()

    def tools(self, runtime: Runtime, model_id: str, now: int) -> tuple[str, ...]:
        """The tools to offer a model on this branch. A model that is new to the thread goes by the need of the others."""
        cache_state = self.cache_state(model_id)
        if not cache_state.uses:
            needs = [stored.cache_state.need for stored in self.cache_states.values()]
            cache_state = replace(cache_state, need=max(needs, default=cache_state.need))
        summary_id = None if self.summary is None else self.summary.id
        return runtime.tools_offered(model_id, cache_state, summary_id, now)


async def load(
    runtime: Runtime,
    owner_id: str,
    thread_id: str,
    leaf_id: str,
    *,
    tokens: int | None,
    models: Collection[str] = (),
) -> ThreadSnapshot:
    """Read a thread snapshot: rows in proportion to the window, never to the thread. `tokens` None reads all that has no summary yet.

    The sizes of its messages are counted too, off the event loop where that takes long.
    """
    snapshot = await runtime.database.read(
        partial(read, owner_id=owner_id, thread_id=thread_id, leaf_id=leaf_id, tokens=tokens, models=models)
    )
    await runtime.sizes.prepare(snapshot.texts, runtime.deployment.models)
    return snapshot


def read(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    leaf_id: str,
    *,
    tokens: int | None,
    models: Collection[str],
) -> ThreadSnapshot:
    """Read a thread snapshot, as `load`; no sizes are counted."""
    thread = threads.get(connection, owner_id, thread_id)
    digest = None if thread is None else thread.instructions_digest
    path, summary = _since_summary(connection, owner_id, thread_id, leaf_id, tokens)
    held = cache_states.of_thread(connection, owner_id, thread_id)
    histograms = learned_stats.some(
        connection, {model: learned_stats.global_gaps_key(model) for model in {*held, *models}}
    )
    return ThreadSnapshot(
        owner_id=owner_id,
        thread_id=thread_id,
        path=path,
        summary=summary,
        cache_states=held,
        global_gaps_by_model={model: GlobalGaps.from_json(value) for model, value in histograms.items()},
        tier_pin=None if thread is None else thread.tier_pin,
        instructions=None if digest is None else instructions.get(connection, owner_id, thread_id, digest),
    )


def _since_summary(
    connection: Connection, owner_id: str, thread_id: str, leaf_id: str, tokens: int | None
) -> tuple[tuple[Message, ...], Summary | None]:
    """The branch from just after the newest usable summary. One that was made on another branch, too near its fork, is skipped."""
    path: tuple[Message, ...] = ()
    end: str | None = leaf_id
    room = tokens
    while end is not None:
        rows = branches.branch(
            connection,
            owner_id,
            thread_id,
            end,
            rows=MAX_ROWS if tokens is not None else 1_000_000,
            tokens=room,
            until_summary=True,
        )
        walked = tuple(stored.message for stored in rows)
        path = walked + path
        if not walked:
            break
        summary = summaries.active_at(connection, owner_id, thread_id, path[0].id)
        if summary is None:
            break
        if may_stand(summary.summary, path[1:], DEFAULT):
            return summary.summary.shortened.applied(path[1:]), summary.summary
        end = path[0].parent_id
        if room is not None:
            room -= sum(message.tokens for message in walked)
            if room <= 0:
                break
    return path, None
