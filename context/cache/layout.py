"""The blocks of a prompt in order, each with the key of all bytes up to it and its place in tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from context.cache.breakpoints import Position
from context.cache.cache_state import CacheState
from context.cache.plan_inputs import PlanInputs
from context.messages import Message
from context.request.recipe import SUMMARY, SYSTEM, Recalled
from context.request.summary_blocks import Summary
from context.request.window import spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The blocks of a prompt in order. `head` is the last block before the window, `newest` the new user text."""

    positions: tuple[Position, ...]
    head: int
    newest: int


def lay_out(
    inputs: PlanInputs,
    messages: Sequence[Message],
    summary: Summary | None,
    *,
    cache_state: CacheState,
    now: int,
    recalled: Sequence[Recalled] = (),
) -> Layout:
    """Every block with the key of all up to it, sizes corrected by what the provider counted at the last living position."""
    ratio = inputs.model.token_ratio
    key, total = inputs.settings, inputs.prompt_tokens * ratio
    rows: list[tuple[str, str, float]] = [(SYSTEM, key, total)]
    for segment in () if summary is None else summary.segments:
        key = sha256(f"{key} {segment.id}".encode()).hexdigest()[:16]
        total += segment.tokens * ratio
        rows.append((SUMMARY, key, total))
    head = len(rows) - 1
    base = sha256(f"{key} {messages[0].id}".encode()).hexdigest()[:16]
    for message in messages:
        if message is messages[-1] or spoken(message):
            total += message.tokens * ratio
            rows.append((message.id, f"{base}:{message.id}", total))
    newest = len(rows) - 1
    for one in recalled:
        total += one.tokens * ratio
        rows.append((f"recall:{one.id}", "", total))
    exact = {entry.key: entry.tokens for entry in cache_state.written if entry.exact and entry.alive(now)}
    anchor = next((index for index in range(len(rows) - 1, -1, -1) if rows[index][1] in exact), None)
    scale, drift = 1.0, 0.0
    if anchor is not None:  # what the provider counted up to there; only what is new is estimated
        known = exact[rows[anchor][1]]
        scale, drift = known / max(1.0, rows[anchor][2]), known - rows[anchor][2]
    positions = [
        Position(
            at=at,
            key=key,
            tokens=max(1, round(tokens * scale if anchor is not None and index < anchor else tokens + drift)),
        )
        for index, (at, key, tokens) in enumerate(rows)
    ]
    return Layout(positions=tuple(positions), head=head, newest=newest)
