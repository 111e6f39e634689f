"""Which messages of the branch are sent verbatim.

Rules: the window ends with the new user message; it begins with a user message; it begins where the last turn's began for as
long as that fits (a moved start costs the whole prompt cache); when it no longer fits it is cut in one large step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from context.messages import Message
from context.policy import Policy

INTERRUPTED = "[The answer was interrupted here.]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The messages sent verbatim, oldest first, their estimated tokens, and why the window begins where it does."""

    messages: tuple[Message, ...]
    tokens: int
    reason: str


class MessageTooLarge(ValueError):
    """The new message alone does not fit the model's prompt. `tokens` it needs, `limit` there are."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the message needs about {tokens} tokens and at most {limit} fit")
        self.tokens = tokens
        self.limit = limit


def select(path: Sequence[Message], *, previous_start: str | None, limit: int, policy: Policy) -> Window:
    """The window over `path`, the newest messages of a branch, oldest first, ending with the new user message.

    `limit` is the hard bound in tokens the window must keep. Raises MessageTooLarge when the last message alone exceeds it.
    """
    newest = path[-1]
    if newest.tokens > limit:
        raise MessageTooLarge(newest.tokens, limit)
    cap = min(limit, max(policy.window_cap, newest.tokens))
    sizes = [message.tokens for message in path]
    starts = [index for index, message in enumerate(path) if message.role == "user"]

    kept = next((index for index in starts if path[index].id == previous_start), None)
    if kept is not None and sum(sizes[kept:]) <= cap:
        return _window(
            path, kept, sum(sizes[kept:]), "same start as the turn before: the cached prefix holds"
        )
    if previous_start is None and starts and sum(sizes[starts[0] :]) <= cap:
        start = starts[0]
        whole = path[0].parent_id is None
        reason = "the whole branch fits" if whole else "the newest messages that fit"
        return _window(path, start, sum(sizes[start:]), reason)

    low = max(int(cap * policy.window_low), newest.tokens)
    start, total = len(path) - 1, newest.tokens
    running = newest.tokens
    for index in range(len(path) - 2, -1, -1):
        running += sizes[index]
        if running > low:
            break
        if path[index].role == "user":
            start, total = index, running
    return _window(path, start, total, f"cut to {total} tokens: the window had outgrown {cap}")


def _window(path: Sequence[Message], start: int, tokens: int, reason: str) -> Window:
    return Window(messages=tuple(path[start:]), tokens=tokens, reason=reason)


def spoken(message: Message) -> str:
    """What a model is told of a message: its text; a broken-off answer says so; a refused or empty one is silent."""
    if message.refused or not message.text.strip():
        return ""
    if message.role == "assistant" and message.status != "complete":
        return f"{message.text}\n\n{INTERRUPTED}"
    return message.text
