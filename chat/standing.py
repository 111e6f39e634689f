"""What a plan is made from: the branch since its summary, the summary, the lanes, and what the service has learned."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.deployment import Deployment
from context.gaps import Service
from context.ladder import Ladder
from context.lanes import Lane
from context.messages import Message
from context.terms import Terms
from store import lanes, learned, messages, summaries
from store.lanes import StoredLane

MAX_ROWS = 4_000  # messages of a window, whatever their size: bounds what a turn reads and sends
SERVICE = "gaps"  # the name under which the histogram of all threads' gaps is kept


def calibration_name(model_id: str) -> str:
    """The name under which what is known of a model's tokenizer is kept."""
    return f"tokens {model_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a branch stands. `path` runs from just after the summary (or is its newest part) to the leaf, oldest first."""

    owner_id: str
    thread_id: str
    path: tuple[Message, ...]
    ladder: Ladder | None
    lanes: Mapping[str, StoredLane]
    service: Service

    def lane(self, model_id: str) -> Lane:
        """The lane of a model; a new one if it never answered here."""
        stored = self.lanes.get(model_id)
        return Lane(model=model_id) if stored is None else stored.lane

    def seen_by(self, deployment: Deployment, model_id: str, now: int) -> tuple[Terms, tuple[Message, ...]]:
        """The terms of a model and the path with its sizes as that model counts them."""
        path = deployment.sizes.sized(self.path, model_id)
        safety = deployment.sizes.safety(self.path, model_id)
        return deployment.terms(model_id, now, safety=safety, folded=self.ladder is not None), path


async def load(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    leaf_id: str,
    *,
    tokens: int | None,
) -> Standing:
    """Read a standing: rows in proportion to the window, never to the thread. `tokens` None reads all that has no summary yet."""
    rows = MAX_ROWS if tokens is not None else 1_000_000
    found = await messages.branch(
        connection, owner_id, thread_id, leaf_id, rows=rows, tokens=tokens, until_summary=True
    )
    path = tuple(stored.message for stored in found)
    ladder = None
    if path and path[0].id != leaf_id:
        summary = await summaries.active_at(connection, owner_id, thread_id, path[0].id)
        if summary is not None:
            ladder, path = summary.ladder, path[1:]
    histogram = await learned.get(connection, SERVICE)
    return Standing(
        owner_id=owner_id,
        thread_id=thread_id,
        path=path,
        ladder=ladder,
        lanes=await lanes.of_thread(connection, owner_id, thread_id),
        service=Service() if histogram is None else Service.from_json(histogram),
    )
