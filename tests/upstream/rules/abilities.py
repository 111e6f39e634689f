"""What one model accepts: thinking types, effort, tool choice, speed and output length."""

from __future__ import annotations

from tests.upstream.call import Call
from tests.upstream.errors import invalid
from tests.upstream.models import EFFORTS

THINKING_REFUSED = (
    '"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
    '"output_config.effort" to control thinking behavior.'
)
ADAPTIVE_REFUSED = "adaptive thinking is not supported on this model"
FORCED_TOOL_REFUSED = 'tool_choice: type "tool" and "any" are not supported for this model.'
LEAST_BUDGET = 1024


def check_settings(call: Call, *, counting: bool) -> None:
    _check_effort(call)
    _check_thinking(call, counting=counting)
    _check_tool_choice(call)
    if call.speed == "fast" and not call.model.fast:
        raise invalid(f"speed: 'fast' is not supported for {call.model.id}")
    if counting:
        return
    if call.max_tokens > call.model.max_output:
        raise invalid(
            f"max_tokens: {call.max_tokens} > {call.model.max_output}, which is the maximum allowed number of "
            f"output tokens for {call.model.id}"
        )
    if call.max_tokens == 0:
        _check_prewarm(call)


def _check_effort(call: Call) -> None:
    effort = (call.body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if effort not in EFFORTS:
        raise invalid(f"output_config.effort: Input should be {', '.join(map(repr, EFFORTS))}")
    if not call.model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort not in call.model.efforts:
        raise invalid(f"output_config.effort: '{effort}' is not supported for {call.model.id}")


def _check_thinking(call: Call, *, counting: bool) -> None:
    config = call.body.get("thinking")
    if config is None:
        return
    kind = config["type"]
    if kind not in call.model.thinking:
        raise invalid(ADAPTIVE_REFUSED if kind == "adaptive" else THINKING_REFUSED.format(kind=kind))
    if kind in call.model.limited_to_high and call.effort in ("xhigh", "max"):
        raise invalid(f'"thinking.type.{kind}" is not supported with "output_config.effort" {call.effort!r}.')
    if config.get("display") not in (None, "summarized", "omitted"):
        raise invalid("thinking.display: Input should be 'summarized' or 'omitted'")
    if kind != "enabled":
        return
    budget = config.get("budget_tokens")
    if not isinstance(budget, int) or isinstance(budget, bool):
        raise invalid("thinking.enabled.budget_tokens: Field required")
    if budget < LEAST_BUDGET:
        raise invalid(
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
        )
    if not counting and call.max_tokens and budget >= call.max_tokens:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_tool_choice(call: Call) -> None:
    if not call.forces_tool:
        return
    if call.model.forced_tools == "refused":
        raise invalid(FORCED_TOOL_REFUSED)
    if call.model.forced_tools == "unless_enabled" and call.thinking == "enabled":
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")


def _check_prewarm(call: Call) -> None:
    """`max_tokens: 0` writes the cache and generates nothing; what asks for output contradicts it."""
    body = call.body
    contradictions = (
        ("stream", call.stream),
        ("thinking.type: enabled", call.thinking == "enabled"),
        ("output_config.format", bool((body.get("output_config") or {}).get("format"))),
        ("a forced tool_choice", call.forces_tool),
        ("a batch", call.batch),
    )
    for name, present in contradictions:
        if present:
            raise invalid(f"max_tokens: 0 cannot be combined with {name}")
