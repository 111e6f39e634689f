"""The system prompts, by name and version. A version that was ever released is never edited: old turns are replayed from it."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

MAX_INSTRUCTIONS: Final = 64_000  # characters of a thread's instructions


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A system prompt; `digest` is the SHA-256 of its UTF-8 text, under which the store keeps it."""

    name: str
    version: int
    text: str

    @property
    def digest(self) -> str:
        return _digest(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """What the owner of a thread wants of the model in this thread alone. `digest`: SHA-256 of the UTF-8 text; `tokens`: its estimated size."""

    text: str
    digest: str
    tokens: int = 0

    @staticmethod
    def of(text: str) -> "Instructions":
        """A text as instructions, of any size."""
        return Instructions(text=text, digest=sha256(text.encode()).hexdigest())


@cache
def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


# No date, no user name, no counters: one byte that differs between turns would cost the whole prompt cache.
ASSISTANT = Prompt(
    name="assistant",
    version=1,
    text=(
        "You are a helpful, honest assistant in a long-running conversation. Answer in the language of the person you "
        "are talking to. Be direct and complete; say plainly when you do not know something. Use Markdown where it helps: "
        "short paragraphs, lists for enumerations, fenced code blocks with their language for code. An answer that ends "
        "with the line [The answer was interrupted here.] was cut off before it was finished."
    ),
)

TITLE = Prompt(
    name="title",
    version=1,
    text=(
        "You write titles for conversations. Reply with one title of at most six words in the language of the conversation: "
        "no quotation marks, no full stop, no explanation."
    ),
)
