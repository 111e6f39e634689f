"""Digest each block of a request's cached prefix, and find the first block in which two requests differ.

The digests are stored with the turn: the messages may have changed since, or a later version may render them differently, and
then only they still tell what was sent. They are of the blocks as they stand in the body, without their cache breakpoints, which are no part
of the cache key.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from context.messages import Message
from context.request.prompts import Instructions
from context.request.recipe import Recipe
from context.request.request import body_fields, canonical
from context.request.summary_blocks import Summary
from context.request.window import spoken

Kind = Literal["settings", "tool", "system", "instructions", "summary", "message"]

# Bytes of a digest: four characters are stored for a block, and one change in 16 million goes unseen.
SIZE: Final = 3
# What a body has besides its blocks and what keys no cache; all else (model, thinking, a tool choice, an effort) does.
NO_SETTING: Final = frozenset(
    {"tools", "system", "messages", "max_tokens", "stream", "metadata", "diagnostics"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: what it is, which one (a tool's name, the id of a segment or message), and the digest of its bytes."""

    kind: Kind
    id: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A request beside the one before it, up to the block that was to be read from the cache.

    `changed` is the index of the first block that differs, None when none does; 0 are the settings, the first block is 1. `what`
    says which block that is, `kind` of what kind; `of` is how many blocks there are. `away`: positions from the block to be read
    to the nearest breakpoint that may find it, itself being 0; None when all breakpoints stand before it.
    """

    changed: int | None
    kind: Kind | None
    what: str
    of: int
    away: int | None


def digests(body: Mapping[str, Any]) -> tuple[list[bytes], list[int]]:
    """The digest of the settings of a body and of each of its blocks, in the order of the cache; and which of them have a breakpoint.

    `body` as of context.request.request.parts: all its blocks are text.
    """
    settings = {name: value for name, value in body.items() if name not in NO_SETTING}
    made = [sha256(canonical(part)).digest()[:SIZE] for part in (settings, *body.get("tools", ()))]
    cache_breakpoints: list[int] = []
    for turn in ({"role": "system", "content": body["system"]}, *body["messages"]):
        role = turn["role"]
        for block in turn["content"]:
            if "cache_control" in block:
                cache_breakpoints.append(len(made))
            made.append(sha256(f"{role}\0{block['text']}".encode()).digest()[:SIZE])
    return made, cache_breakpoints


def blocks(
    recipe: Recipe,
    system: str,
    messages: Sequence[Message],
    *,
    instructions: Instructions | None = None,
    summary: Summary | None = None,
) -> tuple[tuple[Block, ...], list[int]]:
    """The settings and every block before what was recalled, in the order of the cache; and the indices of those with a breakpoint."""
    body = body_fields(recipe, system, messages, instructions, summary, ())
    named: list[tuple[Kind, str]] = [
        ("settings", ""),
        *(("tool", tool["name"]) for tool in body.get("tools", ())),
        ("system", ""),
        *(("instructions", each.digest) for each in (instructions,) if each is not None),
        *(("summary", part.id) for part in (() if summary is None else summary.parts)),
        *(("message", message.id) for message in messages if spoken(message)),
    ]
    hashes, cache_breakpoints = digests(body)
    made = tuple(
        Block(kind=kind, id=id, digest=digest) for (kind, id), digest in zip(named, hashes, strict=True)
    )
    return made, cache_breakpoints


def packed(hashes: Sequence[bytes], cache_breakpoints: Sequence[int]) -> str:
    """The digests up to the last breakpoint, as they are stored: nothing behind it is ever read."""
    return b64encode(b"".join(hashes[: max(cache_breakpoints, default=0) + 1])).decode()


def unpacked(text: str) -> tuple[bytes, ...]:
    """The inverse of `packed`. Raises ValueError."""
    value = b64decode(text, validate=True)
    return tuple(value[at : at + SIZE] for at in range(0, len(value), SIZE))


def compare(
    before: Sequence[Block],
    sent: Sequence[bytes],
    now: Sequence[Block],
    cache_breakpoints: Sequence[int],
    *,
    read_at: int,
) -> Compared | None:
    """Where a request differs from the one before it, up to the block that was to be read; None when that one did not hold this block.

    `before` names the blocks of the earlier request, `sent` are their digests from when it was sent; `read_at` counts blocks from the
    system prompt, being 0, on.
    """
    read = read_at + next(index for index, block in enumerate(now) if block.kind == "system")
    names = [[(block.kind, block.id) for block in blocks[: read + 1]] for blocks in (before, now)]
    if names[0] != names[1] or len(sent) <= read or len(now) <= read:
        # Another branch, another summary, other tools: another request wrote the entry that was to be read.
        return None
    changed = next((index for index in range(read + 1) if sent[index] != now[index].digest), None)
    return Compared(
        changed=changed,
        kind=None if changed is None else now[changed].kind,
        what="" if changed is None else _what(now, changed),
        of=len(now) - 1,
        away=min(
            (cache_breakpoint - read for cache_breakpoint in cache_breakpoints if cache_breakpoint >= read),
            default=None,
        ),
    )


def _what(made: Sequence[Block], index: int) -> str:
    block = made[index]
    match block.kind:
        case "settings":
            return "the settings"
        case "tool":
            return f"the tool {block.id}"
        case "system":
            return "the system prompt"
        case "instructions":
            return "the thread's instructions"
        case "summary":
            return f"part {sum(other.kind == 'summary' for other in made[: index + 1])} of the summary"
        case "message":
            return f"message {block.id}"
