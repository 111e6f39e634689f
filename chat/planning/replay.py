"""Exact replay: rebuild the bytes of an old turn's request from its recipe; the stored digest proves them."""

from dataclasses import dataclass

from sqlalchemy import Connection

from context.messages import Message
from context.planning.stored_plan import StoredPlan
from context.recall.render import INSTRUCTION, OPENING, rendered
from context.recall.thread import Source
from context.request import continuing, request
from context.request.prompts import Instructions
from context.request.recipe import RECALL, RECALL_INSTRUCTIONS, Recalled, RecalledRef, Recipe
from context.request.shortened import NO_SHORT_REPLIES
from context.request.summary_blocks import Summary
from store import branches, instructions, messages, prompts, summaries
from store.messages import StoredMessage
from store.turns import Turn

WORDS = {RECALL: OPENING, RECALL_INSTRUCTIONS: INSTRUCTION}


class CannotReplay(Exception):
    """Something the recipe names is not stored any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a turn's request was made of, read back from the store."""

    recipe: Recipe
    prompt: str
    instructions: Instructions | None
    window: tuple[Message, ...]
    summary: Summary | None
    recalled: tuple[Recalled, ...]
    rounds: tuple[request.Round, ...]

    @property
    def body(self) -> bytes:
        """The canonical request body."""
        return request.build(
            self.recipe,
            self.prompt,
            self.window,
            instructions=self.instructions,
            summary=self.summary,
            recalled=self.recalled,
            rounds=self.rounds,
        )


def replay(connection: Connection, turn: Turn) -> Replayed:
    """Read back what a turn's request was made of. Raises CannotReplay; a turn that never sent one cannot be replayed."""
    plan = StoredPlan.of(turn.plan)
    if plan is None:
        raise CannotReplay("the turn ended before its request was built")
    recipe = plan.recipe
    prompt = prompts.get(connection, recipe.prompt_digest)
    if prompt is None:
        raise CannotReplay("the system prompt is not stored")
    thread_instructions = None
    if recipe.instructions_digest is not None:
        thread_instructions = instructions.get(
            connection, turn.owner_id, turn.thread_id, recipe.instructions_digest
        )
        if thread_instructions is None:
            raise CannotReplay("the thread's instructions are not stored")
    summary = None
    if recipe.summary_id is not None:
        version = summaries.get(connection, turn.owner_id, recipe.summary_id)
        if version is None:
            raise CannotReplay("the summary is not stored")
        summary = version.summary
    shortened = NO_SHORT_REPLIES if summary is None else summary.shortened
    window = branches.branch(
        connection,
        turn.owner_id,
        turn.thread_id,
        recipe.last_message_id,
        rows=1_000_000,
        stop_at=recipe.first_message_id,
    )
    recalled = tuple([_recalled(connection, turn, block) for block in recipe.recalled])
    return Replayed(
        recipe=recipe,
        prompt=prompt.text,
        instructions=thread_instructions,
        window=shortened.applied([stored.message for stored in window]),
        summary=summary,
        recalled=recalled,
        rounds=plan.rounds,
    )


def _recalled(connection: Connection, turn: Turn, named: RecalledRef) -> Recalled:
    if named.id in WORDS:
        return Recalled(id=named.id, text=WORDS[named.id], tokens=0)
    continued = continuing.message_of(named.id)
    stored = messages.get(connection, turn.owner_id, continued or named.id, thread_id=turn.thread_id)
    if stored is None:
        raise CannotReplay("a recalled message is not stored")
    if continued is not None:
        return Recalled(id=named.id, text=continuing.block(stored.message.text), tokens=0)
    return Recalled(id=named.id, text=rendered(_source(stored), named.ranges), tokens=0, ranges=named.ranges)


def _source(stored: StoredMessage) -> Source:
    message = stored.message
    return Source(id=message.id, role=message.role, at=stored.created_at, text=message.text)
