"""Turn stored values into the shapes of the API."""

from collections.abc import Sequence

from sqlalchemy import Connection

from chat.api.schemas.messages import MessageOut, PartOut, TurnErrorOut, UsageOut
from chat.api.schemas.summary import FactOut, LineOut, PastFactOut, SegmentOut, SummaryOut, VersionOut
from chat.api.schemas.threads import ThreadOut
from chat.api.schemas.turns import TurnAccepted, TurnOut
from chat.clock import rfc3339
from context.messages import part_to_json
from context.models.catalog import TIERS
from context.request.key_facts import KeyFact
from store import branches, messages
from store.messages import StoredMessage
from store.summaries import SummaryVersion
from store.threads import Thread
from store.turns import Turn


def thread_out(thread: Thread) -> ThreadOut:
    """A thread as the API shows it."""
    return ThreadOut(
        id=thread.id,
        title=thread.title,
        metadata=thread.metadata,
        created_at=rfc3339(thread.created_at),
        updated_at=rfc3339(thread.updated_at),
        archived=thread.archived_at is not None,
        leaf_id=thread.leaf_id,
        unread=thread.unread,
        running_turn_id=thread.running_turn_id,
        tier=next((tier for tier in TIERS if tier == thread.tier_pin), None),
        instructions_digest=thread.instructions_digest,
    )


def messages_out(connection: Connection, stored: Sequence[StoredMessage]) -> list[MessageOut]:
    """Messages of one thread as the API shows them, with the ids of their siblings (one query for all)."""
    if not stored:
        return []
    owner_id, thread_id = stored[0].owner_id, stored[0].thread_id
    parents = {row.message.parent_id for row in stored}
    siblings = branches.siblings(connection, owner_id, thread_id, parents)
    return [_message_out(row, siblings[row.message.parent_id]) for row in stored]


def accepted_out(turn: Turn) -> TurnAccepted:
    """An accepted turn as the API shows it."""
    return TurnAccepted(
        id=turn.id,
        thread_id=turn.thread_id,
        status=turn.status,
        message_id=turn.message_id,
        user_message_id=turn.user_message_id,
    )


def turn_out(connection: Connection, turn: Turn, last_seq: int) -> TurnOut:
    """A turn as the API shows it, with the answer as far as it is stored."""
    stored = messages.get(connection, turn.owner_id, turn.message_id)
    [message] = messages_out(connection, [stored] if stored is not None else [])
    return TurnOut(
        **dict(accepted_out(turn)),
        last_seq=last_seq,
        message=message,
        usage=_usage(turn.usage),
        error=_error(turn.error),
        created_at=rfc3339(turn.created_at),
        finished_at=None if turn.finished_at is None else rfc3339(turn.finished_at),
    )


def summary_out(current: SummaryVersion | None, stored: Sequence[SummaryVersion]) -> SummaryOut:
    """The active summary, if there is one, line by line, with all stored versions."""
    versions = [
        VersionOut(
            id=version.summary.id,
            upto_message_id=version.summary.upto_id,
            origin=version.origin,
            active=version.active,
            created_at=rfc3339(version.created_at),
        )
        for version in stored
    ]
    if current is None:
        return SummaryOut(
            id=None,
            upto_message_id=None,
            tokens=0,
            segments=[],
            lines=[],
            facts=[],
            past_facts=[],
            versions=versions,
        )
    table = current.summary.facts
    return SummaryOut(
        id=current.summary.id,
        upto_message_id=current.summary.upto_id,
        tokens=current.summary.tokens,
        segments=[
            SegmentOut(
                id=segment.id,
                level=segment.level,
                first_message_id=segment.first_id,
                last_message_id=segment.last_id,
                tokens=segment.tokens,
            )
            for segment in current.summary.segments
        ],
        lines=[
            LineOut(text=line.text, sources=list(line.sources), pinned=line.pinned, segment=segment.id)
            for segment in current.summary.segments
            for line in segment.lines
        ],
        facts=[_fact_out(fact) for fact in table.facts],
        past_facts=[
            PastFactOut(
                fact=_fact_out(past.fact),
                reason=past.reason,
                by=None if past.by is None else _fact_out(past.by),
            )
            for past in table.past
        ],
        versions=versions,
    )


def _fact_out(fact: KeyFact) -> FactOut:
    return FactOut(
        kind=fact.kind,
        subject=fact.subject,
        value=fact.value,
        sources=list(fact.sources),
        pinned=fact.pinned,
    )


def _message_out(stored: StoredMessage, siblings: list[str]) -> MessageOut:
    message = stored.message
    return MessageOut(
        id=message.id,
        thread_id=stored.thread_id,
        parent_id=message.parent_id,
        role=message.role,
        status=message.status,
        parts=[PartOut.model_validate(part_to_json(part)) for part in message.parts],
        turn_id=stored.turn_id,
        created_at=rfc3339(stored.created_at),
        sibling_ids=siblings,
        model=stored.model,
        usage=_usage(stored.usage),
        cost_usd=stored.cost_usd,
        finish_reason=stored.finish_reason,
        error=_error(stored.error),
        feedback=stored.feedback,
    )


def _usage(value: dict[str, int] | None) -> UsageOut | None:
    return None if value is None else UsageOut.model_validate(value)


def _error(value: dict[str, object] | None) -> TurnErrorOut | None:
    return None if value is None else TurnErrorOut.model_validate(value)
