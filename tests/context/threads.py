"""Tiny builders of conversations."""

from typing import Any

from context.messages import Message, Part, ReasoningPart, Role, Status, TextPart

ROLES: dict[str, Role] = {"u": "user", "a": "assistant"}


def thread(*lines: str, **changes: Any) -> list[Message]:
    """A branch from lines like `u: hi` and `a: hello`; ids are m0, m1, …; a message has a token per word.

    After the role may stand how an answer ended (`a cancelled: half an ans`, `a refused: no`).
    """
    messages: list[Message] = []
    for number, line in enumerate(lines):
        head, _, words = line.partition(": ")
        letter, _, how = head.partition(" ")
        status: Status = "complete"
        if how and how != "refused":
            status = how  # type: ignore[assignment]  # the caller writes a status
        messages.append(
            Message(
                id=f"m{number}",
                parent_id=f"m{number - 1}" if number else None,
                role=ROLES[letter],
                status="failed" if how == "refused" else status,
                parts=(TextPart(text=words),) if words else (),
                depth=number,
                tokens=len(words.split()),
                refused=how == "refused",
            )
        )
    return messages


def sized(sizes: str) -> list[Message]:
    """A branch from sizes in tokens like `u10 a200 u5`."""
    return [
        message(number, ROLES[size[0]], tokens=int(size[1:])) for number, size in enumerate(sizes.split())
    ]


def message(
    number: int, role: Role, *, tokens: int, text: str = "words", status: Status = "complete"
) -> Message:
    """The message at that depth."""
    return Message(
        id=f"m{number}",
        parent_id=f"m{number - 1}" if number else None,
        role=role,
        status=status,
        parts=(TextPart(text=text),),
        depth=number,
        tokens=tokens,
    )


def parts(*pairs: str) -> tuple[Part, ...]:
    """Parts from `text: …` and `reasoning: …`."""
    split = [pair.partition(": ") for pair in pairs]
    return tuple(
        TextPart(text=words) if kind == "text" else ReasoningPart(text=words) for kind, _, words in split
    )


def ids(messages: tuple[Message, ...] | list[Message]) -> str:
    """Ids in a row, for short assertions."""
    return " ".join(entry.id for entry in messages)
