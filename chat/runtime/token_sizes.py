"""Token counts of texts for the models that read them: by the model's own tokenizer where it is public, and otherwise estimated
with the shipped tokenizer and what each model's bills have taught since.

Sizes of stored messages are kept as the reference model counts them; when a request is planned they are counted again for its own
model, from features that are computed once per message.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from threading import Lock

from cachetools import LRUCache

from context.messages import Message
from context.request.summary_blocks import Summary
from context.request.window import spoken
from context.tokens.calibration import Calibration
from context.tokens.exact import ExactTokenizer
from context.tokens.features import NOTHING, Features, frame, total
from context.tokens.prior import TokenPrior

REMEMBERED_BYTES = 8 * 1024 * 1024  # of the features kept in memory: about 7,000 messages
ENTRY_BYTES = 1_200  # of one message's features in that memory, with its key
LONG = 4_000  # characters: fewer are counted in less than two milliseconds, where they are
LEAST_SAFETY = 1.02  # whatever has been learned, a hard limit is never approached closer than this

Reader = ExactTokenizer | TokenPrior
Key = tuple[str, int, int]  # the reader's name; the text's length and hash
EVERY_MODEL = "*"


def load_tokenizers(files: Mapping[str, Path]) -> dict[str, ExactTokenizer]:
    """The public tokenizers by model id (`*`: every other model), each file read once. Raises ValueError with the file's name."""
    loaded: dict[Path, ExactTokenizer] = {}
    for path in files.values():
        if path not in loaded:
            try:
                loaded[path] = ExactTokenizer(path.read_bytes())
            except (OSError, ValueError) as problem:
                reason = problem.strerror if isinstance(problem, OSError) else problem
                raise ValueError(f"{path}: {reason}") from None
    return {model: loaded[path] for model, path in files.items()}


@dataclass(frozen=True, slots=True)
class PrefixSize:
    """Tokens of a system prompt with its tools, and how far they may be off: 0 where a bill told them."""

    tokens: int
    error: int

    def to_json(self) -> dict[str, int]:
        return {"tokens": self.tokens, "error": self.error}

    @staticmethod
    def from_json(value: Mapping[str, int]) -> "PrefixSize":
        """The inverse of `to_json`."""
        return PrefixSize(value["tokens"], value["error"])


class Sizes:
    """Token counts and estimates. Learns from bills; all else about it is pure. Safe to share between threads.

    `prepare` counts on a thread what takes long; `count`, `bound`, `sized` and `safety` then look it up. Without it they count where
    they are called.
    """

    def __init__(self, reference: str, tokenizers: Mapping[str, ExactTokenizer] | None = None) -> None:
        self._reference = reference
        self._tokenizers = dict(tokenizers or {})
        self._calibrations: dict[str, Calibration] = {}
        self._prefixes: dict[str, PrefixSize] = {}
        self._constant: dict[Key, Features] = {}  # of texts that requests of all threads contain
        self._features: LRUCache[Key, Features] = LRUCache(REMEMBERED_BYTES, getsizeof=lambda _: ENTRY_BYTES)
        self._lock = Lock()  # of the memory
        self._preparing = asyncio.Lock()

    async def warm(self, texts: Iterable[str], models: Collection[str]) -> None:
        """Load what counts for these models, and remember the features of texts that requests of all threads contain."""

        def load() -> None:
            readers = {reader.name: reader for reader in map(self._reader, models)}.values()
            for reader, text in product(readers, texts):
                self._constant[_key(reader, text)] = reader.features(text)

        await asyncio.to_thread(load)

    async def prepare(self, texts: Iterable[str], models: Collection[str] = ()) -> None:
        """Count texts, on a thread unless that is quick, so that their sizes for these models are at hand; without models, for the reference model.

        One call at a time: several threads would keep the event loop waiting for the interpreter by turns.
        """
        readers = {reader.name: reader for reader in map(self._reader, models or [self._reference])}.values()
        unread = {
            _key(reader, text): (reader, text)
            for text in texts
            for reader in readers
            if self._known(_key(reader, text)) is None
        }

        def read() -> None:
            for reader, text in unread.values():
                self._of(text, reader)

        if sum(len(text) for _, text in unread.values()) <= LONG:
            read()
            return
        async with self._preparing:
            await asyncio.to_thread(read)

    def calibration(self, model: str) -> Calibration:
        """What is known of a model's tokenizer."""
        return self._calibrations.get(model) or self.initial(model)

    def initial(self, model: str) -> Calibration:
        """What is known of a model's tokenizer before it has reported anything."""
        return Calibration.exact() if self._tokenizer(model) else Calibration.initial(model)

    def tokenizer_name(self, model: str) -> str:
        """What counts for a model: models of one name count the same in a text."""
        return self._reader(model).name

    def calibration_key(self, model: str) -> str:
        """The name under which a model's calibration is stored. Another tokenizer is another name: its figures mean something else."""
        return f"tokens {(self._tokenizer(model) or TokenPrior).name} {model}"

    def count(self, text: str, model: str | None = None) -> int:
        """Expected tokens of a text, for the reference model unless another is named."""
        model = model or self._reference
        return round(self.calibration(model).estimate(self._features_of(text, model)))

    def bound(self, text: str, model: str) -> int:
        """Tokens of a text that will hardly be exceeded."""
        return self.calibration(model).bound(self._features_of(text, model))

    def of_messages(self, messages: Sequence[Message], model: str) -> list[Features]:
        """What is counted in each message: the same for all models of one tokenizer."""
        reader = self._reader(model)
        return [self._of(spoken(message), reader) for message in messages]

    def sized(
        self, messages: Sequence[Message], features: Sequence[Features], model: str
    ) -> tuple[Message, ...]:
        """The same messages with their sizes as that model counts them. `features`: those of each message."""
        calibration = self.calibration(model)
        return tuple(
            replace(message, tokens=round(calibration.estimate(counts)))
            for message, counts in zip(messages, features, strict=True)
        )

    def message_frame(self, model: str) -> float:
        """Tokens that a message has besides its text."""
        return self.calibration(model).estimate(frame(1, 0))

    def sized_summary(self, summary: Summary | None, model: str) -> Summary | None:
        """The same summary with its segments' and key facts' sizes as that model counts them."""
        if summary is None:
            return None
        facts = summary.facts
        return replace(
            summary,
            facts=replace(facts, tokens=self.count(facts.text, model)) if facts.text else facts,
            segments=tuple(
                replace(segment, tokens=self.count(segment.text, model)) for segment in summary.segments
            ),
        )

    def safety(self, features: Sequence[Features], model: str, summary: Summary | None = None) -> float:
        """By what factor the sum of the estimates of some messages and their summary must be multiplied to be on the safe side.

        `features`: those of each message.
        """
        calibration = self.calibration(model)
        blocks = () if summary is None else summary.blocks
        counts = total(
            [*features, *(self._features_of(text, model) for text in blocks), frame(len(features))]
        )
        return max(LEAST_SAFETY, calibration.bound(counts) / max(1.0, calibration.estimate(counts)))

    def features(self, messages: Sequence[Message], model: str) -> Features:
        """What these messages, new in a prompt, add to it, as a model's calibration counts it."""
        return total([*self.of_messages(messages, model), frame(len(messages), 0)])

    def prompt_features(self, texts: Sequence[str], model: str) -> Features:
        """What a whole prompt of these texts contains, the first of them being the system prompt."""
        return total([*(self._features_of(text, model) for text in texts), frame(len(texts) - 1)])

    def adopt(self, model: str, calibration: Calibration) -> None:
        """Estimate with what is known now."""
        self._calibrations[model] = calibration

    def prefix(self, settings: str) -> PrefixSize | None:
        """What bills have told of the system prompt and tools under these settings."""
        return self._prefixes.get(settings)

    def adopt_prefix(self, settings: str, size: PrefixSize) -> None:
        """Go by what a bill has told."""
        self._prefixes[settings] = size

    def _tokenizer(self, model: str) -> ExactTokenizer | None:
        return self._tokenizers.get(model) or self._tokenizers.get(EVERY_MODEL)

    def _reader(self, model: str) -> Reader:
        return self._tokenizer(model) or TokenPrior.load()

    def _features_of(self, text: str, model: str) -> Features:
        """The features of a text that may be no message: a short one is looked up, but not worth remembering."""
        reader = self._reader(model)
        if len(text) > LONG:
            return self._of(text, reader)
        features = self._known(_key(reader, text))
        return reader.features(text) if features is None else features

    def _known(self, key: Key) -> Features | None:
        """What is remembered of a text."""
        features = self._constant.get(key)
        if features is None:
            with self._lock:
                features = self._features.get(key)
        return features

    def _of(self, text: str, reader: Reader) -> Features:
        if not text:
            return NOTHING
        key = _key(reader, text)
        features = self._known(key)
        if features is None:
            features = reader.features(text)
            with self._lock:
                self._features[key] = features
        return features


def _key(reader: Reader, text: str) -> Key:
    return reader.name, len(text), hash(text)
