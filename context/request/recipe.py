"""A recipe: what is stored of a request so that, with the immutable values it names, it can be rebuilt byte for byte.

Layout 1: system, messages. Layout 2: system, the thread's instructions, the summary's segments and key facts at the head of the first user message, the
window, and the recalled blocks behind the newest user text. An old layout stays readable for ever.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from context.models.pricing import Ttl

LAYOUT: Final = 2

SYSTEM: Final = "system"
INSTRUCTIONS: Final = (
    "instructions:"  # with the colon: threads from before there were any may have a message of that id
)
SUMMARY: Final = "summary"
RECALL: Final = "recall"
RECALL_INSTRUCTIONS: Final = "recall-instructions"
HEADINGS: Final = frozenset({RECALL, RECALL_INSTRUCTIONS})  # headings before recalled messages
SEGMENT: Final = "summary:"  # before the id of a segment of the summary that is not its last
CONTINUE: Final = "continue:"  # before the id of a message that is continued


def is_reserved(id: str) -> bool:
    """Whether a recipe means something of its own by that name, so that no message may have it as its id."""
    return id in HEADINGS or id in (SYSTEM, SUMMARY) or id.startswith((CONTINUE, SEGMENT, INSTRUCTIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakpoint:
    """A cache breakpoint (`cache_control`): at the end of the system prompt (`system`), of the thread's instructions (`instructions:`), of the summary (`summary`), of an earlier segment of it
    (`summary:` and its id) or of a message (its id).
    """

    at: str
    ttl: Ttl


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Text that stands behind the last cache breakpoint for this turn only: an older message brought back, the time, a note.

    `id` names the message it is taken from (or what made it), `ranges` the characters of that message it quotes; `text` is the
    exact text of its block, `tokens` its estimated size.
    """

    id: str
    text: str
    tokens: int
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    @property
    def needed(self) -> bool:
        """Whether the request makes no sense without it: the answer that is continued."""
        return self.id.startswith(CONTINUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledRef:
    """What a recipe keeps of a recalled block: where its text comes from, and the digest that proves it."""

    id: str
    digest: str
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a request was made of. `summary_id` names the summary before the window; `recalled` is in the order it was sent.

    `instructions_digest` is of the thread's instructions, None where there were none. `diagnose` asks the provider to compare with the request it answered as `previous_upstream_id`, and to say where they differ.
    """

    layout: int
    model: str
    max_tokens: int
    thinking: str
    prompt_digest: str
    first_message_id: str
    last_message_id: str
    breakpoints: tuple[Breakpoint, ...]
    user_ref: str | None
    summary_id: str | None = None
    recalled: tuple[RecalledRef, ...] = ()
    tools: tuple[str, ...] = ()
    instructions_digest: str | None = None
    diagnose: bool = False
    previous_upstream_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Recipe":
        """Reads every layout there ever was."""
        return Recipe(
            layout=value["layout"],
            model=value["model"],
            max_tokens=value["max_tokens"],
            thinking=value["thinking"],
            prompt_digest=value["prompt_digest"],
            first_message_id=value["first_message_id"],
            last_message_id=value["last_message_id"],
            breakpoints=tuple(Breakpoint(**cache_breakpoint) for cache_breakpoint in value["breakpoints"]),
            user_ref=value["user_ref"],
            summary_id=value.get("summary_id"),
            recalled=tuple(
                RecalledRef(
                    id=block["id"],
                    digest=block["digest"],
                    ranges=tuple((start, end) for start, end in block["ranges"]),
                )
                for block in value.get("recalled", ())
            ),
            tools=tuple(value.get("tools", ())),
            instructions_digest=value.get("instructions_digest"),
            diagnose=value.get("diagnose", False),
            previous_upstream_id=value.get("previous_upstream_id"),
        )
