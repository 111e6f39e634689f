"""Cache breakpoints: where they may stand, how many there may be, and 1h before 5m."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.upstream.call import blocks_of
from tests.upstream.errors import invalid
from tests.upstream.rules.shape import INNER, check_inner, check_type

MOST = 4
TTLS = ("5m", "1h")


def check_marks(body: dict[str, Any]) -> None:
    marks: list[tuple[str, str]] = []
    blocks = list(_blocks(body))
    for place, block in blocks:
        mark = block.get("cache_control")
        if mark is not None:
            marks.append((place, _ttl(f"{place}.cache_control", mark)))
    automatic = body.get("cache_control")
    if automatic is not None:
        marks += _automatic(_ttl("cache_control", automatic), blocks, marks)
    if len(marks) > MOST:
        raise invalid(f"A maximum of {MOST} blocks with cache_control may be provided. Found {len(marks)}.")
    short: str | None = None
    for place, ttl in marks:
        if ttl == "1h" and short is not None:
            raise invalid(
                f"{place}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: `tools`, `system`, "
                "`messages`."
            )
        if ttl == "5m":
            short = place


def can_carry(block: dict[str, Any]) -> bool:
    """Whether a breakpoint may stand on this block."""
    kind = block.get("type")
    return kind not in ("thinking", "redacted_thinking") and not (kind == "text" and not block.get("text"))


def _automatic(
    ttl: str, blocks: list[tuple[str, dict[str, Any]]], marks: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The breakpoint a top-level `cache_control` adds: none when the block it falls on is marked alike already."""
    eligible = [(place, block) for place, block in blocks if can_carry(block)]
    if not eligible:
        return []
    place, block = eligible[-1]
    own = block.get("cache_control")
    if own is None:
        return [(place, ttl)]
    if (own.get("ttl") or "5m") != ttl:
        raise invalid(f"cache_control: the last cacheable block ({place}) is already marked with another ttl")
    return []


def _ttl(place: str, mark: Any) -> str:
    check_type(place, mark, "dictionary")
    check_inner(place, mark, INNER["cache_control"])
    ttl = mark.get("ttl", "5m")
    if ttl not in TTLS:
        raise invalid(f"{place}.ttl: Input should be '5m' or '1h'")
    return str(ttl)


def _blocks(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block a mark may stand on or be looked for, in cache order."""
    for number, tool in enumerate(body.get("tools") or []):
        yield f"tools.{number}", tool
    for number, block in enumerate(blocks_of(body.get("system"))):
        yield f"system.{number}", block
    for index, message in enumerate(body["messages"]):
        for number, block in enumerate(blocks_of(message["content"])):
            yield f"messages.{index}.content.{number}", block
