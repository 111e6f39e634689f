"""Choose the messages of the branch that are sent verbatim, and say what was left out because it did not fit.

Rules: the window ends with the new user message; it begins with a user message; it is all that no summary stands for, for compacting
is what makes it shorter. Only when that would pass a hard limit is it cut, in one large step, and then it begins where the last
turn's began for as long as that fits (a moved start costs the whole prompt cache).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from context.messages import Message
from context.policy import Policy
from context.request.shortened import NOTE, whole

INTERRUPTED = "[The answer was interrupted here.]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The messages sent verbatim, oldest first, their estimated tokens, and why the window begins where it does.

    `floor` is the index in `messages` where the part begins that is sent whatever it costs. `left_out` counts loaded messages
    that neither the window nor a summary holds; `cut` says that there are such messages, loaded or not.
    """

    messages: tuple[Message, ...]
    tokens: int
    floor: int
    reason: str
    cut: bool = False
    left_out: int = 0
    left_out_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """How much of the newest part of a branch stays verbatim whatever it costs: up to `messages` that hold at most `tokens` beside a
    message that is not answered yet; the last `exchanges` even if they hold more; never above `room` tokens, but for the newest exchange.

    `to_come`: 1 where the next request brings one message more than the path has, 0 where the path ends with it.
    """

    messages: int
    exchanges: int
    tokens: float
    room: float
    to_come: int = 0

    def index(self, path: Sequence[Message]) -> int:
        """Where the floor begins, at a user message: what stands before may be compacted."""
        start, held, history, answers = len(path), 0, 0, 0
        for index in range(len(path) - 1, -1, -1):
            message = path[index]
            held += message.tokens
            answers += message.role == "assistant"
            history += message.tokens if answers else 0
            if message.role != "user":
                continue
            full = len(path) - start + self.to_come >= self.messages
            too_much = held > self.room or (history > self.tokens and answers > self.exchanges)
            if start < len(path) and (full or too_much):
                break
            start = index
        return 0 if start == len(path) else start

    @property
    def least(self) -> Floor:
        """What is left of it when every token counts."""
        return replace(self, tokens=0.0)


class MessageTooLarge(ValueError):
    """The new message alone does not fit the model's prompt. `tokens` it needs, `limit` there are."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the message needs about {tokens} tokens and at most {limit} fit")
        self.tokens = tokens
        self.limit = limit


def select(
    path: Sequence[Message],
    *,
    after: str | None,
    previous_start: str | None,
    limit: int,
    floor: Floor,
    policy: Policy,
) -> Window:
    """The window over `path`, the messages of a branch no summary stands for, oldest first, ending with the new user message.

    `after` is the last message a summary stands for; `limit` the hard bound in tokens the window must keep; `floor`: what of it is kept if
    it can be.
    Raises MessageTooLarge when the last message alone exceeds it.
    """
    newest = path[-1]
    if newest.tokens > limit:
        raise MessageTooLarge(newest.tokens, limit)
    cap = min(limit, max(policy.window_cap, newest.tokens))
    sizes = [message.tokens for message in path]
    starts = [index for index, message in enumerate(path) if message.role == "user"]
    first = starts[0]
    whole = path[0].parent_id == after
    if whole and sum(sizes[first:]) <= cap:
        reason = "the whole branch fits" if after is None else "all that came after the summary"
        return _window(path, sizes, first, reason, floor, cut=False)

    floors = (sum(sizes[part.index(path) :]) for part in (floor, floor.least))
    previous = next((index for index in starts if path[index].id == previous_start), None)
    if (
        previous is not None
        and sum(sizes[previous:]) <= cap
        and previous <= max(floor.least.index(path), first)
    ):
        return _window(path, sizes, previous, "cut earlier, where the turn before began", floor, cut=True)
    low = max(int(cap * policy.window_low), newest.tokens)
    low = max(low, next((kept for kept in floors if kept <= cap * policy.floor_share), 0))
    start, running = len(path) - 1, newest.tokens
    for index in range(len(path) - 2, -1, -1):
        running += sizes[index]
        if running > low:
            break
        if path[index].role == "user":
            start = index
    return _window(path, sizes, start, f"cut: more than {cap} tokens have no summary yet", floor, cut=True)


def from_user(path: Sequence[Message]) -> Sequence[Message]:
    """The path from its first user message on: how a window begins."""
    first = next((index for index, message in enumerate(path) if message.role == "user"), 0)
    return path[first:]


def _window(
    path: Sequence[Message], sizes: Sequence[int], start: int, reason: str, floor: Floor, *, cut: bool
) -> Window:
    first = whole(path[start])  # what is noted of the reply before it goes with that reply
    messages = (first, *path[start + 1 :])
    return Window(
        messages=messages,
        tokens=first.tokens + sum(sizes[start + 1 :]),
        floor=floor.index(messages),
        reason=reason,
        cut=cut,
        left_out=start if cut else 0,
        left_out_tokens=sum(sizes[:start]) if cut else 0,
    )


def spoken(message: Message) -> str:
    """The text of a message as a model sees it; an interrupted answer says so; a refused or empty one is left out ('')."""
    if message.refused or not message.text.strip():
        return ""
    if message.role == "assistant" and message.status != "complete":
        return f"{message.text}\n\n{INTERRUPTED}"
    if message.short is not None:
        return message.text[: message.short.end] + message.short.closing
    return f"{NOTE}\n\n{message.text}" if message.noted else message.text
