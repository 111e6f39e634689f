"""Continue an answer that broke off: the instruction by which the model's new text fits behind the text already shown.

Models from 4.6 on refuse a trailing assistant message (Claude API documentation, "Errors"), so the partial answer is quoted back
with an instruction, behind the last cache breakpoint: the request begins with the same bytes as the one before and reads them from the
cache. Thinking cannot be resumed and is not quoted.
"""

from typing import Final

from context.messages import Message
from context.request.recipe import CONTINUE

OPENING: Final = (
    "Your answer to the message above broke off before its end. What stands between the marks has reached the person already, "
    "and what you write now is put directly behind it.\n\n<answer_so_far>\n"
)
CLOSING: Final = (
    "\n</answer_so_far>\n\nGo on exactly where it stops, in the middle of a sentence, a word or a code block if that is where it "
    "is. Do not repeat any of it, do not open a block that is open already, do not comment, do not apologise: begin with the "
    "very next characters. If nothing is missing, write nothing."
)


def can_go_on(message: Message, finish_reason: str | None) -> bool:
    """Whether an answer stopped before its end and said something: it failed, was stopped, or met its length limit."""
    stopped = message.status in ("interrupted", "failed", "cancelled") or finish_reason == "length"
    return message.role == "assistant" and stopped and not message.refused and bool(message.text.strip())


def block(partial: str) -> str:
    """The text behind the newest message that asks for the rest."""
    return f"{OPENING}{partial}{CLOSING}"


def named(message_id: str) -> str:
    """How a recipe names the block of a message that is continued."""
    return f"{CONTINUE}{message_id}"


def message_of(name: str) -> str | None:
    """The message such a name stands for; None for any other block."""
    return name.removeprefix(CONTINUE) if name.startswith(CONTINUE) else None
