"""Long replies of which only the beginning is sent: which, up to where, and how that looks in a request.

A compaction decides about them (`context.request.shorten`) and they are stored with its summary: what stays verbatim behind a new summary is written anew
anyway, and from then on the bytes stay as they are, on branches and after an undo too. The message itself never changes: the summarizer,
search, recall and the page read all of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from context.messages import Message, ShortReply

# It stands in the user's turn, as a provider's own placeholders do (Claude API documentation, "Context editing": a cleared tool result). In the
# reply it would be words of the model, who writes on in the manner of what it has written. Part of stored requests: never change it.
NOTE: Final = (
    "[Note: of the reply above only the beginning is shown here; the person has received all of it. The rest can be looked up with "
    "the search tool, where there is one. Its length here is no example for further replies.]"
)
NOTE_TOKENS: Final = 50  # of the note and the blank line behind it, about


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortReplies:
    """The short replies behind a summary.

    They are short only on branches that hold `while_id`, the first message behind them that is sent whole: on a branch that leaves before
    it one of them may be the newest reply.
    """

    replies: tuple[ShortReply, ...] = ()
    while_id: str | None = None

    def applied(self, path: Sequence[Message]) -> tuple[Message, ...]:
        """Messages of a branch as they are sent: the short replies shortened, with a note in the user's message behind each."""
        by_id = {reply.id: reply for reply in self.replies}
        if not by_id or all(message.id != self.while_id for message in path):
            return tuple(path)
        sent: list[Message] = []
        for message in map(whole, path):
            reply = by_id.get(message.id)
            if reply is not None:
                tokens = min(message.tokens, reply.tokens)
                message = replace(message, short=reply, tokens=tokens, rest=message.tokens - tokens)
            elif sent and sent[-1].short is not None:
                message = replace(message, noted=True, tokens=message.tokens + NOTE_TOKENS)
            sent.append(message)
        return tuple(sent)

    def to_json(self) -> dict[str, Any] | None:
        """As it is stored; None where there are none."""
        if not self.replies:
            return None
        replies = [
            {"id": reply.id, "end": reply.end, "closing": reply.closing, "tokens": reply.tokens}
            for reply in self.replies
        ]
        return {"while_id": self.while_id, "replies": replies}

    @staticmethod
    def from_json(value: Mapping[str, Any] | None) -> "ShortReplies":
        """The inverse of `to_json`."""
        if value is None:
            return NO_SHORT_REPLIES
        replies = tuple(ShortReply(**reply) for reply in value["replies"])
        return ShortReplies(while_id=value["while_id"], replies=replies)


NO_SHORT_REPLIES: Final = ShortReplies()


def whole(message: Message) -> Message:
    """The message as it is stored, of whatever size it was counted in."""
    if message.noted:
        message = replace(message, noted=False, tokens=max(0, message.tokens - NOTE_TOKENS))
    if message.short is None:
        return message
    return replace(message, short=None, rest=0, tokens=message.whole_tokens)


def short_replies(path: Sequence[Message]) -> tuple[tuple[Message, ...], Message | None]:
    """The short replies of a branch as it is sent, and the message behind the newest of them."""
    indices = [index for index, message in enumerate(path) if message.short is not None]
    return tuple(path[index] for index in indices), path[indices[-1] + 1] if indices else None
