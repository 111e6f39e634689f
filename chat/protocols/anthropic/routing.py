"""Which model answers a request. A pure function of what the request carries, so that a conversation that is sent whole each time is
answered by the same model as long as it must be.

Thinking is readable for the model that wrote it, and a request does not say which that was. But it carries the conversation the model was
chosen from: what stood before the first thinking. The choice is made from that again, and comes out the same. Without
thinking the choice is made from the last thing the user said; results of tools are no such thing, so the model of a tool loop stays, too.
"""

from collections.abc import Mapping
from dataclasses import replace

from chat.auth.principal import Principal
from chat.protocols.anthropic.parsed_request import Message, ParsedRequest
from chat.protocols.models import AUTO
from chat.runtime.deployment import Deployment
from context.routing.candidates import Candidate
from context.routing.choice import Pins, Route, choose, one_model
from context.routing.complexity import assess
from context.routing.rules import matching
from context.routing.thread import EarlierMessage

LOOKED_AT = 12  # earlier messages the router looks at
THINKING = ("thinking", "redacted_thinking")
ATTACHMENTS = ("image", "document", "container_upload")


def carries_thinking(parsed: ParsedRequest) -> bool:
    """Whether the conversation holds thinking of a model."""
    return _first_thinking(parsed) < len(parsed.messages)


def route_of(
    deployment: Deployment, parsed: ParsedRequest, who: Principal, prompts: Mapping[str, int]
) -> Route:
    """The model for a request, which names one that is offered, within what the operator lets the token use.

    `prompts`: tokens of the request for a model; one with a smaller window is not chosen.
    """
    pins = Pins(
        turn=None if parsed.model == AUTO else parsed.model,
        exactly=None if who.at_most else who.tier,
        most=who.tier if who.at_most else None,
        default=None if deployment.default_tier == "auto" else deployment.default_tier,
    )
    candidates = [
        _fitting(deployment, candidate, prompts.get(candidate.model_id, 0))
        for candidate in deployment.candidates
    ]
    if pins.turn is not None or pins.default is not None or one_model(candidates):
        return choose(None, replace(pins, default=pins.default or "standard"), candidates)
    text, earlier, attachments = _turn(parsed)
    matched = matching(deployment.rules, text)
    pins = replace(
        pins,
        rule_tier=matched[0].tier if matched else None,
        rule=matched[0].name if matched else "",
    )
    return choose(assess(text, earlier, attachments=attachments), pins, candidates)


def _fitting(deployment: Deployment, candidate: Candidate, prompt: int) -> Candidate:
    window = deployment.models[candidate.model_id].context_window
    if prompt <= window:
        return candidate
    return replace(candidate, admissible=False, why=f"takes at most {window} tokens")


def _turn(parsed: ParsedRequest) -> tuple[str, list[EarlierMessage], int]:
    """What the user said that decides, the messages before it, and how many files came with it."""
    place = _deciding(parsed)
    said = parsed.message(place)
    attachments = sum(block.type in ATTACHMENTS for block in said.blocks)
    earlier = [parsed.message(index) for index in range(max(0, place - LOOKED_AT), place)]
    return said.text, [_earlier(message) for message in earlier if message.text], attachments


def _earlier(message: Message) -> EarlierMessage:
    return EarlierMessage(role="assistant" if message.role == "assistant" else "user", text=message.text)


def _deciding(parsed: ParsedRequest) -> int:
    """The place of the last message of the user, before any thinking, that brings no results of tools."""
    for index in range(_first_thinking(parsed) - 1, -1, -1):
        message = parsed.message(index)
        if message.role == "user" and not message.has("tool_result"):
            return index
    return 0


def _first_thinking(parsed: ParsedRequest) -> int:
    """The place of the first message that holds thinking; behind the last message when there is none."""
    for index, (start, end) in enumerate(parsed.messages):
        if parsed.data.find(b'thinking"', start, end) >= 0 and parsed.message(index).has(*THINKING):
            return index
    return len(parsed.messages)
