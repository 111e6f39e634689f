"""What a plan is made from: the branch since its summary, the summary, the lanes, and what the service has learned."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.deployment import Deployment
from context.ladder import Ladder, may_stand
from context.lanes import Lane
from context.messages import Message
from context.policy import DEFAULT
from context.service import Service
from context.terms import Terms
from store import branches, lanes, learned, summaries
from store.lanes import StoredLane

MAX_ROWS = 4_000  # messages of a window, whatever their size: bounds what a turn reads and sends


def service_name(model_id: str) -> str:
    """The name under which the histogram of a model's gaps over all threads is kept."""
    return f"gaps {model_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a branch stands. `path` runs from just after the summary (or is its newest part) to the leaf, oldest first."""

    owner_id: str
    thread_id: str
    path: tuple[Message, ...]
    ladder: Ladder | None
    lanes: Mapping[str, StoredLane]
    services: Mapping[str, Service]

    def lane(self, model_id: str) -> Lane:
        """The lane of a model; a new one if it never answered here."""
        stored = self.lanes.get(model_id)
        return Lane(model=model_id, share=0.0) if stored is None else stored.lane

    def service(self, model_id: str) -> Service:
        """The gaps of all threads' lanes of a model: routed lanes have other gaps than threads."""
        return self.services.get(model_id) or Service()

    def others(self, deployment: Deployment, model_id: str, now: int) -> list[tuple[Terms, Lane]]:
        """The thread's other lanes, which a fold moves too."""
        return [
            (
                deployment.terms(other, now, thread=self.thread_id, folded=self.ladder is not None),
                stored.lane,
            )
            for other, stored in self.lanes.items()
            if other != model_id and other in deployment.models
        ]

    def seen_by(self, deployment: Deployment, model_id: str, now: int) -> tuple[Terms, tuple[Message, ...]]:
        """The terms of a model and the path with its sizes as that model counts them."""
        path = deployment.sizes.sized(self.path, model_id)
        safety = deployment.sizes.safety(self.path, model_id)
        terms = deployment.terms(
            model_id, now, thread=self.thread_id, safety=safety, folded=self.ladder is not None
        )
        return terms, path


async def load(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    leaf_id: str,
    *,
    tokens: int | None,
    models: Collection[str] = (),
) -> Standing:
    """Read a standing: rows in proportion to the window, never to the thread. `tokens` None reads all that has no summary yet."""
    path, ladder = await _since_summary(connection, owner_id, thread_id, leaf_id, tokens)
    held = await lanes.of_thread(connection, owner_id, thread_id)
    histograms = {model: await learned.get(connection, service_name(model)) for model in {*held, *models}}
    return Standing(
        owner_id=owner_id,
        thread_id=thread_id,
        path=path,
        ladder=ladder,
        lanes=held,
        services={
            model: Service.from_json(value) for model, value in histograms.items() if value is not None
        },
    )


async def _since_summary(
    connection: AsyncConnection, owner_id: str, thread_id: str, leaf_id: str, tokens: int | None
) -> tuple[tuple[Message, ...], Ladder | None]:
    """The branch from just after the newest summary that may stand there. One made on another branch too near is walked past."""
    path: tuple[Message, ...] = ()
    end: str | None = leaf_id
    room = tokens
    while end is not None:
        found = await branches.branch(
            connection,
            owner_id,
            thread_id,
            end,
            rows=MAX_ROWS if tokens is not None else 1_000_000,
            tokens=room,
            until_summary=True,
        )
        walked = tuple(stored.message for stored in found)
        path = walked + path
        if not walked:
            break
        summary = await summaries.active_at(connection, owner_id, thread_id, path[0].id)
        if summary is None:
            break
        if may_stand(summary.ladder, [message.id for message in path[1:]], DEFAULT.floor_messages):
            return path[1:], summary.ladder
        end = path[0].parent_id
        if room is not None:
            room -= sum(message.tokens for message in walked)
            if room <= 0:
                break
    return path, None
