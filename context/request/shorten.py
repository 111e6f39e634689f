"""Decide which replies behind a new summary are sent as their beginning only, and where that beginning ends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from context.messages import Message, ShortReply
from context.policy import Policy
from context.request.shortened import NO_SHORT_REPLIES, NOTE_TOKENS, ShortReplies, whole
from context.request.window import Floor

# A row that opens or closes a block whose inside is no Markdown: what stands before it (quotes, list markers), its fence, and the rest of the row.
BLOCK: Final = re.compile(r"((?:[ \t>]|[-*+] |\d{1,9}[.)] )*)(`{3,}|~{3,}|\$\$|\\\[|\\\])(.*)")
NO_INDENT: Final = re.compile(r"[^ \t>]")
SENTENCE: Final = re.compile(r"[.!?…][\"'”»)\]]*\s|[。！？]")
INLINE: Final = ("`", "**")  # markup that a cut within a paragraph may leave open
PARAGRAPH, LINE, IN_BLOCK = 3, 2, 1  # where to cut, best first


def shorten(messages: Sequence[Message], floor: Floor, policy: Policy) -> ShortReplies:
    """Which of `messages`, those that stay verbatim behind a compaction, are sent as their beginning.

    The oldest long replies, as many as it takes for the rest to be worth its price (`floor.tokens`), but none of the newest `policy.whole_replies`.
    """
    messages = [whole(message) for message in messages]
    answers = [index for index, message in enumerate(messages) if message.role == "assistant"]
    if len(answers) <= policy.whole_replies:
        return NO_SHORT_REPLIES
    # The user's message that the oldest of the whole replies answers.
    newest = answers[-policy.whole_replies]
    first_whole = next((at for at in range(newest, -1, -1) if messages[at].role == "user"), 0)
    history = sum(message.tokens for message in messages[: answers[-1] + 1])
    replies: list[ShortReply] = []
    for index in answers:
        if index >= first_whole or history <= floor.tokens:
            break
        reply = _shortened(messages[index], policy) if messages[index + 1].role == "user" else None
        if reply is not None:
            replies.append(reply)
            history -= messages[index].tokens - reply.tokens - NOTE_TOKENS
    return (
        ShortReplies(replies=tuple(replies), while_id=messages[first_whole].id)
        if replies
        else NO_SHORT_REPLIES
    )


def kept_tokens(messages: Sequence[Message], floor: Floor, policy: Policy) -> int:
    """The tokens of what stays verbatim behind a compaction, once it is shortened."""
    return sum(message.tokens for message in map(whole, messages)) - spared_tokens(messages, floor, policy)


def spared_tokens(messages: Sequence[Message], floor: Floor, policy: Policy) -> int:
    """The tokens by which what stays verbatim behind a compaction is shortened."""
    sizes = {message.id: whole(message).tokens for message in messages}
    replies = shorten(messages, floor, policy).replies
    return sum(sizes[reply.id] - reply.tokens - NOTE_TOKENS for reply in replies)


def _shortened(message: Message, policy: Policy) -> ShortReply | None:
    """A reply as its beginning; None where it is too short for that, or not a whole answer itself."""
    long = message.tokens >= 2 * policy.beginning_tokens + NOTE_TOKENS
    if not long or message.refused or message.status != "complete":
        return None
    text = message.text
    end, closing = beginning(text, len(text) * policy.beginning_tokens // message.tokens)
    if not end:
        return None
    tokens = max(1, round(message.tokens * (end + len(closing)) / len(text)))
    return ShortReply(id=message.id, end=end, closing=closing, tokens=tokens)


def beginning(text: str, most: int) -> tuple[int, str]:
    """Where to cut a Markdown text so that at most `most` characters are left, at least half of that where it can be; and what closes the block that was cut.

    Behind a paragraph, or else a line, or else within a block of code or a formula; in a text without such places behind a sentence or a
    word. 0 where the text begins with so much white space.
    """
    places, least = list(_places(text, most)), most // 2
    enough = [place for place in places if place.end >= least] or [
        place for place in places if place.end >= least // 2
    ]
    if enough:
        best = max(enough, key=lambda place: (place.kind, place.end))
        return len(text[: best.end].rstrip()), best.closing
    end = max((match.end() for match in SENTENCE.finditer(text, least, most)), default=0)
    end = end or text.rfind(" ", least, most)
    return _within_row(text, end if end > 0 else most)


def _within_row(text: str, end: int) -> tuple[int, str]:
    """A cut in the middle of a row, and what closes the block or the markup it was made in."""
    end = len(text[:end].rstrip())
    row = text.rfind("\n", 0, end) + 1
    closing = next((place.closing for place in _places(text, row) if place.end == row), "")
    if closing:
        return end, closing
    return end, "".join(mark for mark in INLINE if text.count(mark, row, end) % 2)


@dataclass(frozen=True, slots=True)
class _Place:
    """The beginning of a row, where a text may be cut: what stands there, and what closes the block that is open there."""

    end: int
    kind: int
    closing: str


def _places(text: str, most: int) -> Iterator[_Place]:
    """The beginnings of rows up to `most`."""
    at = table = 0
    opened, closing = "", ""
    for row in text.splitlines(keepends=True):
        if at > most:
            return
        if at and opened:
            yield _Place(at, IN_BLOCK, closing)
        elif at and not row.strip():
            yield _Place(at, PARAGRAPH, "")
        elif at and not 0 < table < 3:  # a table is none without its head, the row below it and one more
            yield _Place(at, LINE, "")
        match = BLOCK.match(row)
        if opened:
            if match and _closes(match, opened):
                opened, closing = "", ""
        elif match and _opens(match):
            opened = match[2]
            before = NO_INDENT.sub(" ", match[1])
            closing = f"\n{before}{_end_of(opened)}"
        table = table + 1 if row.lstrip(" >").startswith("|") else 0
        at += len(row)


def _opens(match: re.Match[str]) -> bool:
    """Whether a row opens a block: not one that holds all of it, nor a stray end of a formula."""
    fence, rest = match[2], match[3]
    if fence == "\\]" or (fence[0] == "`" and "`" in rest):
        return False
    return _end_of(fence) not in rest or fence[0] in "`~"


def _closes(match: re.Match[str], opened: str) -> bool:
    """Whether a row closes the block that was opened with this fence."""
    fence = match[2]
    if opened[0] in "`~":
        return fence[0] == opened[0] and len(fence) >= len(opened) and not match[3].strip()
    return fence == _end_of(opened)


def _end_of(fence: str) -> str:
    return "\\]" if fence == "\\[" else fence
