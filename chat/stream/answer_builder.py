"""Build the answer's parts from the stream: open, fill and close them, and journal each step."""

from dataclasses import dataclass, field

from chat.clock import Clock
from chat.stream import events
from chat.stream.journal import Journal
from chat.stream.notes import DiscardNote
from context.messages import Part, ReasoningPart, TextPart, ToolPart

BLANK = " \t\r\n\f\v\xa0\u200b\u2028\u2029\u2060\u3000\ufeff"  # an answer of these alone is empty


def harmless(words: str) -> str:
    """Replace what a database or UTF-8 cannot hold, NUL and lone surrogates, by U+FFFD."""
    if "\x00" in words:
        words = words.replace("\x00", "\ufffd")
    try:
        words.encode()
    except UnicodeEncodeError:
        words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return words


@dataclass(slots=True)
class AnswerBuilder:
    """Collects the parts of one answer. At most one part is open; whatever opens, closes.

    An answer that continues another one (`resume`) is one text part from its first word to its last: reasoning and tools in between
    are not shown, because they would stand in the middle of a sentence.
    """

    journal: Journal
    clock: Clock
    parts: list[Part] = field(default_factory=list)
    resumed: bool = False
    text_length: int = (
        0  # characters of the answer itself that this turn added, without white space around its pieces
    )
    _kind: str | None = None
    _text: bytearray = field(
        default_factory=bytearray
    )  # of the open part, UTF-8; a list has an object per word
    _opened_at: float = 0.0
    _ids: list[str] = field(default_factory=list)  # of the parts
    _started: int = 0  # parts that were ended so far, those that were discarded too

    @property
    def has_text(self) -> bool:
        """Whether words of the answer itself have reached the reader."""
        return self.text_length > 0

    def resume(self, text: str) -> None:
        """Begin with the text of the answer that this one continues."""
        self.add("text", text)
        self.resumed, self.text_length = True, 0

    def add(self, kind: str, words: str) -> None:
        """Add words to a part of that kind (`text` or `reasoning`); opens one if another kind, or none, is open."""
        words = harmless(words)
        if not words or (self.resumed and kind != "text"):
            return
        if kind == "text":
            self.text_length += len(words.strip(BLANK))
        if self._kind != kind:
            self.end_part()
            self._kind = kind
            self._opened_at = self.clock.monotonic()
            self.journal.event(events.PartStarted(part_id=self._part_id(), kind=kind))
        self._text += words.encode()
        self.journal.text(self._part_id(), words)

    def tool(self, name: str, query: str, results: int) -> None:
        """Add a tool that was used and how many results it had: one part, complete at once."""
        if self.resumed:
            return
        self.end_part()
        part_id = self._part_id()
        arguments = {"query": harmless(query)}
        try:
            self.journal.event(events.PartStarted(part_id=part_id, kind="tool", name=name, input=arguments))
        finally:  # the journal adds an event also when it raises for an earlier one
            self._add_part(ToolPart(name=name, query=harmless(query), found=results))
            self.journal.event(events.PartEnded(part_id=part_id, result={"found": results}))

    def discard(self, since: int = 0) -> None:
        """Remove the parts behind the first `since`: they belong to an answer that another one replaces.

        They are reasoning and tools. Text of an answer that reached the reader is never replaced.
        """
        self.end_part()
        discarded = self._ids[since:]
        if discarded:
            del self.parts[since:], self._ids[since:]
            self.journal.note(DiscardNote(part_ids=tuple(discarded)))

    def end_part(self) -> None:
        """End the open part, if there is one. The text of a continued answer stays open: what comes next belongs to it."""
        if not self.resumed:
            self.end_answer()

    def end_answer(self) -> None:
        """End the open part, if there is one, also that of a continued answer: nothing more comes."""
        if self._kind is None:
            return
        part_id, text = self._part_id(), self._text.decode()
        seconds = None
        if self._kind == "reasoning":
            seconds = round(self.clock.monotonic() - self._opened_at, 1)
            self._add_part(ReasoningPart(text=text, seconds=seconds))
        else:
            self._add_part(TextPart(text=text))
        self._kind, self._text = None, bytearray()
        self.journal.event(events.PartEnded(part_id=part_id, seconds=seconds))

    def _add_part(self, part: Part) -> None:
        self._ids.append(self._part_id())
        self.parts.append(part)
        self._started += 1

    def _part_id(self) -> str:
        return f"p{self._started + 1}"
