"""Lay out a prompt: its blocks in order, each with the cache key of all bytes up to it and its offset in tokens."""

from collections.abc import Sequence
from hashlib import sha256

from context.cache.cache_state import CacheState
from context.cache.plan_inputs import BranchState, PlanInputs
from context.cache.positions import Layout, Position
from context.request.recipe import SUMMARY, SYSTEM, Recalled
from context.request.window import spoken

Row = tuple[str, str, float]  # name, key, estimated tokens up to and including it


def lay_out(inputs: PlanInputs, branch: BranchState, recalled: Sequence[Recalled] = ()) -> Layout:
    """Every block of the prompt whose window is `branch.path`, with sizes corrected by what the provider has counted."""
    ratio = inputs.model.token_ratio
    key, total = inputs.settings, inputs.prompt_tokens * ratio
    rows: list[Row] = [(SYSTEM, key, total)]
    for segment in () if branch.summary is None else branch.summary.segments:
        key = sha256(f"{key} {segment.id}".encode()).hexdigest()[:16]
        total += segment.tokens * ratio
        rows.append((SUMMARY, key, total))
    head = len(rows) - 1
    window_key = sha256(f"{key} {branch.path[0].id}".encode()).hexdigest()[:16]
    for message in branch.path:
        if message is branch.path[-1] or spoken(message):
            total += message.tokens * ratio
            rows.append((message.id, f"{window_key}:{message.id}", total))
    newest = len(rows) - 1
    for block in recalled:
        total += block.tokens * ratio
        rows.append((f"recall:{block.id}", "", total))
    return Layout(positions=_corrected(rows, branch.cache_state, branch.now), head=head, newest=newest)


def _corrected(rows: Sequence[Row], cache_state: CacheState, now: int) -> tuple[Position, ...]:
    """The positions. Up to the last one whose size the provider has counted sizes are scaled to that; only what is new is estimated."""
    exact = {entry.key: entry.tokens for entry in cache_state.written if entry.exact and entry.alive(now)}
    anchor = next((index for index in range(len(rows) - 1, -1, -1) if rows[index][1] in exact), None)
    scale, drift = 1.0, 0.0
    if anchor is not None:
        counted, estimated = exact[rows[anchor][1]], rows[anchor][2]
        scale, drift = counted / max(1.0, estimated), counted - estimated
    return tuple(
        Position(
            at=at,
            key=key,
            tokens=max(1, round(tokens * scale if anchor is not None and index < anchor else tokens + drift)),
        )
        for index, (at, key, tokens) in enumerate(rows)
    )
