"""Write a thread's title: once, by the simple tier's model, from the first question, while the answer is on its way."""

import re
import unicodedata
from dataclasses import replace

from sqlalchemy import Connection

from chat.background.completion import complete, completion_request
from chat.calls import ledger
from chat.calls.record import CallContext
from chat.planning.planner import user_ref
from chat.runtime.runtime import Runtime
from chat.stream.journal import Journal
from chat.stream.notes import TitleNote
from context.request.prompts import TITLE
from store import messages, threads, turns
from store.messages import StoredMessage
from store.threads import Thread
from store.turns import Turn

MAX_TITLE = 80  # characters
MAX_QUESTION = 2_000  # characters of the question the model reads
MAX_ANSWER = 2_000  # characters of the answer that are read
MAX_TOKENS = 1_000  # thinking included; a title needs twenty

ZWJ = "\u200d"
# Invisible characters that change how a word is written or where a line may break: the joiners, Mongolian's vowel separator, the spaces
# without width of Khmer and Thai, and the tags of flags.
JOINERS = frozenset((ZWJ, "\u200c", "\u180e", "\u200b", "\u2060", *map(chr, range(0xE0020, 0xE0080))))
# What may stand around a whole title: emphasis, and the quotation marks of all languages, an opening one with each that closes it.
PAIRS = (
    *(("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`")),
    *(("\"", "\""), ("'", "'"), ("\uff02", "\uff02"), ("\uff07", "\uff07"), ("\u05f4", "\u05f4")),
    *(("“", "”"), ("„", "“"), ("„", "”"), ("”", "”"), ("‟", "”"), ("‘", "’"), ("‚", "‘"), ("‚", "’"), ("’", "’"), ("‛", "’")),
    *(("«", "»"), ("»", "«"), ("»", "»"), ("‹", "›"), ("›", "‹"), ("›", "›")),
    *(("「", "」"), ("『", "』"), ("｢", "｣"), ("﹁", "﹂"), ("﹃", "﹄"), ("《", "》"), ("〈", "〉"), ("〝", "〞"), ("〝", "〟")),
)  # fmt: skip
MARKS = frozenset("".join(mark for pair in PAIRS for mark in pair))  # nothing but these is no title
_APOSTROPHE = re.compile(r"(?<=\w)['’\u05f4](?=\w)")
_HEADING = re.compile(r"#{1,6} +(?=\S)")  # Markdown's


async def write_title(turn: Turn, call_context: CallContext, *, runtime: Runtime, journal: Journal) -> None:
    """Give the turn's thread a title if it has only a derived one. A failure costs the title, never the turn."""

    def read(connection: Connection) -> tuple[Thread | None, StoredMessage | None]:
        return (
            threads.get(connection, turn.owner_id, turn.thread_id),
            messages.get(connection, turn.owner_id, turn.user_message_id),
        )

    thread, question = await runtime.database.read(read)
    if thread is None or question is None or thread.title_source != "derived":
        return
    model = runtime.deployment.tiers["simple"]
    call_context = replace(call_context, purpose="title")
    body = completion_request(
        model,
        TITLE.text,
        question.message.text[:MAX_QUESTION],
        max_tokens=MAX_TOKENS,
        user_ref=user_ref(turn.owner_id),
    )
    completion = await complete(runtime, call_context, model, body)
    title = valid(completion.text) if completion.ok else None

    def write(connection: Connection) -> bool:
        current = threads.lock(connection, turn.owner_id, turn.thread_id)
        # An earlier COMMIT may have succeeded, and its answer was lost.
        changed = current is not None and (current.title, current.title_source) == (title, "model")
        # Without the turn the thread was deleted, and perhaps another one has its id now.
        asked = turns.get(connection, turn.owner_id, turn.id)
        if title is not None and asked and current is not None and current.title_source == "derived":
            changed = threads.change(
                connection, turn.owner_id, turn.thread_id, title=title, title_source="model"
            )
        ledger.keep(connection, completion.spent)
        return changed

    if await runtime.database.write(write) and title is not None:
        journal.note(TitleNote(title=title))


def valid(text: str) -> str | None:
    """A usable title: the first line with more to see than quotation marks, without marks around it, not too long. None when there is none."""
    for row in text[:MAX_ANSWER].splitlines():
        line = _without_full_stop(_bare(_HEADING.sub("", visible(row))))
        if any(unicodedata.category(letter)[0] not in "ZC" and letter not in MARKS for letter in line):
            return cut(line, MAX_TITLE).rstrip()
    return None


def visible(text: str) -> str:
    """A text as one line: white space is one space, and what has no place in a title is left out."""
    return " ".join("".join(filter(_shown, text)).split())


def _shown(letter: str) -> bool:
    """Whether a character may stand in a title: no controls, no direction overrides; joiners, and the tags of flags, may."""
    return letter in JOINERS or letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")


def _bare(line: str) -> str:
    """The line without quotation marks and emphasis, where they are a pair around the whole of it."""
    while True:
        for opening, closing in PAIRS:
            inner = line[len(opening) : -len(closing)]
            around = line.startswith(opening) and line.endswith(closing) and inner.strip()
            if around and _is_whole(inner, opening, closing):
                line = inner.strip()
                break
        else:
            return line


def _is_whole(inner: str, opening: str, closing: str) -> bool:
    """Whether the marks around `inner` are one pair: what is opened within is closed within. Apostrophes within words are no marks."""
    within = _APOSTROPHE.sub("", inner)
    if opening == closing:
        return opening not in within
    depth = 0
    for mark in re.findall(f"{re.escape(opening)}|{re.escape(closing)}", within):
        depth += 1 if mark == opening else -1
        if depth < 0:
            return False
    return depth == 0


def _without_full_stop(line: str) -> str:
    """The line without the full stop that ends it; abbreviations ("the U.S.") and dots that stand for more keep theirs."""
    last = line.split()[-1] if line else ""
    if line.endswith("。") or (line.endswith(".") and "." not in last[:-1]):
        return line[:-1].rstrip()
    return line


def cut(line: str, most: int) -> str:
    """The line in at most `most` characters; no letter is parted from its marks, no emoji from what it is joined to."""
    end = min(most, len(line))
    while 0 < end < len(line) and (
        unicodedata.category(line[end])[0] == "M" or line[end] in JOINERS or line[end - 1] == ZWJ
    ):
        end -= 1
    return line[:end]
