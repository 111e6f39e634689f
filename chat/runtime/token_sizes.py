"""How long texts are for the models that read them: a shipped prior, and what each model's bills have taught since.

Sizes of stored messages are kept as the reference model counts them; when a request is planned they are counted again for its own
model, from features that are computed once per message.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from context.messages import Message
from context.request.window import spoken
from context.tokens.calibration import Calibration
from context.tokens.features import Features, frame, total
from context.tokens.prior import TokenPrior

REMEMBERED = 50_000  # messages whose features are kept in memory, about 300 bytes each
LEAST_SAFETY = 1.02  # whatever has been learned, a hard limit is never approached closer than this


class Sizes:
    """Token estimates. Learns from bills; all else about it is pure."""

    def __init__(self, reference: str, learned: Mapping[str, Calibration] | None = None) -> None:
        self._prior = TokenPrior.load()
        self._reference = reference
        self._calibrations = dict(learned or {})
        self._features: OrderedDict[tuple[str, int, int], Features] = OrderedDict()

    def calibration(self, model: str) -> Calibration:
        """What is known of a model's tokenizer."""
        return self._calibrations.get(model) or Calibration.initial(model)

    def count(self, text: str, model: str | None = None) -> int:
        """Expected tokens of a text, for the reference model unless another is named."""
        return round(self.calibration(model or self._reference).estimate(self._prior.features(text)))

    def bound(self, text: str, model: str) -> int:
        """Tokens of a text that will hardly be exceeded."""
        return self.calibration(model).bound(self._prior.features(text))

    def sized(self, messages: Sequence[Message], model: str) -> tuple[Message, ...]:
        """The same messages with their sizes as that model counts them."""
        calibration = self.calibration(model)
        return tuple(
            replace(message, tokens=round(calibration.estimate(self._of(message)))) for message in messages
        )

    def safety(self, messages: Sequence[Message], model: str) -> float:
        """By what factor the sum of these messages' estimates must be multiplied to be on the safe side."""
        calibration = self.calibration(model)
        features = total([*(self._of(message) for message in messages), frame(len(messages))])
        return max(LEAST_SAFETY, calibration.bound(features) / max(1.0, calibration.estimate(features)))

    def features(self, messages: Sequence[Message]) -> Features:
        """What these messages, new in a prompt, add to it."""
        return total([*(self._of(message) for message in messages), frame(len(messages), 0)])

    def adopt(self, model: str, calibration: Calibration) -> None:
        """Estimate with what is known now."""
        self._calibrations[model] = calibration

    def _of(self, message: Message) -> Features:
        words = spoken(message)
        # Ids are unique per owner only, and a deleted message's id may be used again: the words are part of the key.
        key = (message.id, len(words), hash(words))
        known = self._features.get(key)
        if known is None:
            known = self._prior.features(words)
            self._features[key] = known
            if len(self._features) > REMEMBERED:
                self._features.popitem(last=False)
        return known
