"""Choose the messages of the branch that are sent verbatim, and say what was left out because it did not fit.

Rules: the window ends with the new user message; it begins with a user message; it is all that no summary stands for, for compacting
is what makes it shorter. Only when that would pass a hard limit is it cut, in one large step, and then it begins where the last
turn's began for as long as that fits (a moved start costs the whole prompt cache).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from context.messages import Message
from context.policy import Policy

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


class MessageTooLarge(ValueError):
    """The new message alone does not fit the model's prompt. `tokens` it needs, `limit` there are."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the message needs about {tokens} tokens and at most {limit} fit")
        self.tokens = tokens
        self.limit = limit


def select(
    path: Sequence[Message], *, after: str | None, previous_start: str | None, limit: int, policy: Policy
) -> Window:
    """The window over `path`, the messages of a branch no summary stands for, oldest first, ending with the new user message.

    `after` is the last message a summary stands for; `limit` the hard bound in tokens the window must keep.
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
        return _window(path, sizes, first, reason, policy, cut=False)

    floor = max(0, len(path) - policy.floor_messages)
    floor_tokens = sum(sizes[floor:])
    while floor > 0 and path[floor].role != "user":
        floor -= 1
    fits = floor_tokens <= cap * policy.floor_share and sum(sizes[floor:]) <= cap
    previous = next((index for index in starts if path[index].id == previous_start), None)
    if previous is not None and sum(sizes[previous:]) <= cap and not (fits and previous > max(floor, first)):
        return _window(path, sizes, previous, "cut earlier, where the turn before began", policy, cut=True)
    low = max(int(cap * policy.window_low), newest.tokens)
    if fits:
        low = max(low, sum(sizes[floor:]))
    start, running = len(path) - 1, newest.tokens
    for index in range(len(path) - 2, -1, -1):
        running += sizes[index]
        if running > low:
            break
        if path[index].role == "user":
            start = index
    return _window(path, sizes, start, f"cut: more than {cap} tokens have no summary yet", policy, cut=True)


def floor_index(messages: Sequence[Message], keep: int, policy: Policy) -> int:
    """Where the floor begins, at a user message: what stands before may be compacted.

    The last `keep` messages, or as many of them as fit the floor's share of the cap; the newest turn is always in it.
    """
    room = policy.window_cap * policy.floor_share
    index = len(messages)
    while index > 0 and len(messages) - index < keep and messages[index - 1].tokens <= room:
        index -= 1
        room -= messages[index].tokens
    if len(messages) - index >= keep:
        while index > 0 and messages[index].role != "user":
            index -= 1
        return index
    while index < len(messages) and messages[index].role != "user":
        index += 1
    newest = max((number for number, message in enumerate(messages) if message.role == "user"), default=0)
    return min(index, newest)


def from_user(path: Sequence[Message]) -> Sequence[Message]:
    """The path from its first user message on: how a window begins."""
    first = next((index for index, message in enumerate(path) if message.role == "user"), 0)
    return path[first:]


def _window(
    path: Sequence[Message], sizes: Sequence[int], start: int, reason: str, policy: Policy, *, cut: bool
) -> Window:
    messages = tuple(path[start:])
    return Window(
        messages=messages,
        tokens=sum(sizes[start:]),
        floor=floor_index(messages, policy.floor_messages, policy),
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
    return message.text
