"""How long a text is for the model that will read it, on the safe side."""

from collections.abc import Callable

from context.tokens.calibration import Calibration
from context.tokens.prior import TokenPrior


def counter(model_id: str) -> Callable[[str], int]:
    """A function that estimates tokens of a text for that model; rather too many than too few."""
    prior, calibration = TokenPrior.load(), Calibration.initial(model_id)

    def count(text: str) -> int:
        return calibration.bound(prior.features(text))

    return count
