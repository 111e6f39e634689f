"""Token counts of texts for the models that read them: by the model's own tokenizer where it is public, and otherwise estimated
with the shipped tokenizer and what each model's bills have taught since.

Sizes of stored messages are kept as the reference model counts them; when a request is planned they are counted again for its own
model, from features that are computed once per message.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Timer

from context.messages import Message
from context.request.window import spoken
from context.tokens.calibration import Calibration
from context.tokens.exact import ExactTokenizer
from context.tokens.features import Features, frame, total
from context.tokens.prior import TokenPrior

REMEMBERED = 50_000  # messages whose features are kept in memory, about 300 bytes each
LEAST_SAFETY = 1.02  # whatever has been learned, a hard limit is never approached closer than this
WARM_AFTER = 0.5  # seconds; loading the shipped tokenizer holds the interpreter for about 60 ms
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


class Sizes:
    """Token counts and estimates. Learns from bills; all else about it is pure."""

    def __init__(self, reference: str, tokenizers: Mapping[str, ExactTokenizer] | None = None) -> None:
        self._reference = reference
        self._tokenizers = dict(tokenizers or {})
        self._calibrations: dict[str, Calibration] = {}
        self._features: OrderedDict[tuple[str, str, int, int], Features] = OrderedDict()

    def warm(self) -> None:
        """Load the shipped tokenizer on a thread once the server is up. Whoever needs it earlier loads it."""
        if EVERY_MODEL not in self._tokenizers:
            timer = Timer(WARM_AFTER, TokenPrior.load)
            timer.daemon = True
            timer.start()

    def calibration(self, model: str) -> Calibration:
        """What is known of a model's tokenizer."""
        return self._calibrations.get(model) or self.initial(model)

    def initial(self, model: str) -> Calibration:
        """What is known of a model's tokenizer before it has reported anything."""
        return Calibration.exact() if self._tokenizer(model) else Calibration.initial(model)

    def calibration_key(self, model: str) -> str:
        """The name under which a model's calibration is stored. Another tokenizer is another name: its figures mean something else."""
        return f"tokens {(self._tokenizer(model) or TokenPrior).name} {model}"

    def count(self, text: str, model: str | None = None) -> int:
        """Expected tokens of a text, for the reference model unless another is named."""
        model = model or self._reference
        return round(self.calibration(model).estimate(self._reader(model).features(text)))

    def bound(self, text: str, model: str) -> int:
        """Tokens of a text that will hardly be exceeded."""
        return self.calibration(model).bound(self._reader(model).features(text))

    def sized(self, messages: Sequence[Message], model: str) -> tuple[Message, ...]:
        """The same messages with their sizes as that model counts them."""
        calibration = self.calibration(model)
        return tuple(
            replace(message, tokens=round(calibration.estimate(self._of(message, model))))
            for message in messages
        )

    def safety(self, messages: Sequence[Message], model: str) -> float:
        """By what factor the sum of these messages' estimates must be multiplied to be on the safe side."""
        calibration = self.calibration(model)
        features = total([*(self._of(message, model) for message in messages), frame(len(messages))])
        return max(LEAST_SAFETY, calibration.bound(features) / max(1.0, calibration.estimate(features)))

    def features(self, messages: Sequence[Message], model: str) -> Features:
        """What these messages, new in a prompt, add to it, as a model's calibration counts it."""
        return total([*(self._of(message, model) for message in messages), frame(len(messages), 0)])

    def adopt(self, model: str, calibration: Calibration) -> None:
        """Estimate with what is known now."""
        self._calibrations[model] = calibration

    def _tokenizer(self, model: str) -> ExactTokenizer | None:
        return self._tokenizers.get(model) or self._tokenizers.get(EVERY_MODEL)

    def _reader(self, model: str) -> ExactTokenizer | TokenPrior:
        return self._tokenizer(model) or TokenPrior.load()

    def _of(self, message: Message, model: str) -> Features:
        words, reader = spoken(message), self._reader(model)
        # Ids are unique per owner only, and a deleted message's id may be used again: the words are part of the key.
        key = (reader.name, message.id, len(words), hash(words))
        known = self._features.get(key)
        if known is None:
            known = reader.features(words)
            self._features[key] = known
            if len(self._features) > REMEMBERED:
                self._features.popitem(last=False)
        return known
