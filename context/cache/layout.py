"""Lay out a prompt: its blocks in order, each with the cache key of all bytes up to it and its offset in tokens."""

from collections.abc import Sequence
from hashlib import sha256

from context.cache.cache_state import CacheState
from context.cache.plan_inputs import BranchState, PlanInputs
from context.cache.positions import Layout, Row
from context.cache.prefix_sizes import positions
from context.request.recipe import INSTRUCTIONS, SEGMENT, SUMMARY, SYSTEM, Recalled
from context.request.window import spoken

END = "end"


def lay_out(inputs: PlanInputs, branch: BranchState, recalled: Sequence[Recalled] = ()) -> Layout:
    """Every block of the prompt whose window is `branch.path`, with the sizes that bills told; what they did not tell is estimated."""
    ratio, relative_error = inputs.model.token_ratio, inputs.policy.safety - 1
    key = inputs.settings
    rows = [
        Row(
            at=SYSTEM,
            key=key,
            tokens=inputs.prompt_tokens * ratio,
            relative_error=inputs.prompt_relative_error,
        )
    ]
    if inputs.instructions is not None:
        key = _digest(f"{key} {INSTRUCTIONS}{inputs.instructions.digest}")
        tokens = inputs.instructions.tokens * ratio
        rows.append(Row(at=INSTRUCTIONS, key=key, tokens=tokens, relative_error=relative_error))
    fixed = len(rows) - 1
    parts = () if branch.summary is None else branch.summary.parts
    for number, part in enumerate(parts, start=1):
        key = _digest(f"{key} {part.id}")
        at = SUMMARY if number == len(parts) else f"{SEGMENT}{part.id}"
        rows.append(Row(at=at, key=key, tokens=part.tokens * ratio, relative_error=relative_error))
    head = len(rows) - 1
    window_key = _digest(f"{key} {branch.path[0].id}")
    for message in branch.path:
        if message.short is not None:  # on another branch it may stand whole behind the same summary
            window_key = _digest(f"{window_key} {message.id} {message.short.end}")
        if message is branch.path[-1] or spoken(message):
            key = f"{window_key}:{message.id}"
            tokens = message.tokens * ratio + inputs.message_frame
            rows.append(Row(at=message.id, key=key, tokens=tokens, relative_error=relative_error))
    newest = len(rows) - 1
    for block in recalled:
        key = _digest(f"{key} {block.digest}")
        rows.append(
            Row(at=f"recall:{block.id}", key=key, tokens=block.tokens * ratio, relative_error=relative_error)
        )
    rows.append(Row(at=END, key=_digest(f"{key} {END}"), tokens=0.0, relative_error=0.0))
    known = _known(inputs, branch.cache_state)
    return Layout(
        positions=positions(rows, known, branch.cache_state.inferred_sizes),
        fixed=fixed,
        head=head,
        newest=newest,
        rows=rows,
        known=known,
    )


def _known(inputs: PlanInputs, cache_state: CacheState) -> dict[str, int]:
    """The sizes of prefixes that bills have told: those of all threads for the system prompt, those of this one for all else."""
    system = {inputs.settings: inputs.in_model(inputs.prompt_tokens)} if inputs.prompt_error == 0 else {}
    return dict(cache_state.sizes) | system


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
