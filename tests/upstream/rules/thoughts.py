"""Thinking blocks sent back: genuine, unchanged, and still behind the conversation they were made in."""

from __future__ import annotations

from tests.upstream import signatures
from tests.upstream.call import Call
from tests.upstream.errors import ApiError, invalid
from tests.upstream.models import BY_ID, reads_thinking_of
from tests.upstream.prompt import Prompt

ALWAYS_ENFORCED = ("claude-fable-5-2", "claude-mythos-5-2")


def check_thinking_blocks(prompt: Prompt, call: Call, *, enforced: bool) -> None:
    """`enforced` is the account's setting of the prefix check; forged signatures are refused on every model.

    In a batch a block out of place is dropped instead of refused.
    """
    checks = call.model.binds_thinking and not call.batch
    bound = checks and (enforced or call.model.id in ALWAYS_ENFORCED)
    before: str | None = None
    for thought in prompt.thoughts:
        signature = signatures.decode(thought.signature)
        if signature is None or signature.text != signatures.digest(thought.text):
            raise invalid(f"{thought.place}: Invalid `signature` in `thinking` block")
        author = BY_ID.get(signature.model)
        if bound and author is not None and reads_thinking_of(call.model, author):
            if signature.prefix != thought.prefix:
                raise _moved(thought.place)
            if before is not None and signature.previous != before:
                raise _moved(thought.place)
        before = signatures.digest(thought.signature)


def _moved(place: str) -> ApiError:
    return invalid(
        f"{place}: Invalid `signature` in `thinking` block. The block is bound to a different conversation: "
        "the system prompt, the tools or an earlier message has changed since it was generated."
    )
