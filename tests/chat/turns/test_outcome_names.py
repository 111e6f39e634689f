"""The outcomes that lead to another model are outcomes a call can have."""

from chat.upstream import failures
from chat.upstream.failures import FailureDetails
from context.limits.fallback import ELSEWHERE
from context.limits.model_sequence import USELESS


def test_every_outcome_that_moves_a_turn_is_one_that_a_call_can_have() -> None:
    named = [value for value in vars(failures).values() if isinstance(value, FailureDetails)]
    outcomes = {trouble.outcome for trouble in [*named, *failures._BY_TYPE.values()]}
    assert outcomes >= ELSEWHERE | USELESS.keys()
    assert USELESS.keys() == {failures.REFUSED.outcome, failures.NO_ANSWER.outcome}
