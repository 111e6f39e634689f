"""Check a request for a turn before anything is stored: whether its model is offered here, and whether its message fits."""

from sqlalchemy import Connection

from chat.errors import ContextTooLong, ModelNotFound
from chat.runtime.deployment import Deployment
from chat.runtime.runtime import Runtime
from chat.turns.turn_request import TurnRequest
from context.models.catalog import Model
from context.request.prompts import MAX_INSTRUCTIONS
from context.routing.choice import UnknownModel
from store import instructions, threads

PER_CHARACTER = 12  # tokens that an upper bound may count for a character: more than for any of Unicode


def check_model(deployment: Deployment, turn_request: TurnRequest) -> None:
    """Raises ModelNotFound when the request names no model or tier that is offered here."""
    try:
        deployment.possible(turn_request.pins)
    except UnknownModel:
        offered = ", ".join([*deployment.tiers, *dict.fromkeys(deployment.tiers.values())])
        raise ModelNotFound(f"no such model here; there are: {offered}", param="model") from None


async def check_size(runtime: Runtime, owner_id: str, turn_request: TurnRequest) -> None:
    """Raises ContextTooLong by the upper bound of the tokens: the provider never refuses an accepted message for its length."""
    if turn_request.text is None:
        return
    deployment, sizes = runtime.deployment, runtime.sizes
    await sizes.prepare([turn_request.text], deployment.models)
    sized: list[tuple[Model, int, int]] = []  # each with the message's tokens, and the most there may be
    for model_id in deployment.possible(turn_request.pins):
        model = deployment.models[model_id]
        prompt = sizes.bound(deployment.prompt.text, model.id)
        limit = model.context_window - deployment.output_limit(model) - prompt - deployment.policy.overhead
        sized.append((model, sizes.bound(turn_request.text, model.id), limit))
    # The router leaves out models it does not fit. Mostly there is room for any instructions, so that they need not be read.
    if any(tokens <= limit - MAX_INSTRUCTIONS * PER_CHARACTER for _, tokens, limit in sized):
        return
    instructions_text = await _instructions_text(runtime, owner_id, turn_request)
    for model, tokens, without in sized:
        limit = max(0, without - (sizes.bound(instructions_text, model.id) if instructions_text else 0))
        if tokens <= limit:
            return
        refused = f"the message has about {tokens} tokens; {model.label} takes at most {limit} here"
    raise ContextTooLong(refused, param="input")


async def _instructions_text(runtime: Runtime, owner_id: str, turn_request: TurnRequest) -> str:
    """The instructions that the turn will have, empty where there are none."""

    def read(connection: Connection) -> str | None:
        thread = threads.get(connection, owner_id, turn_request.thread_id)
        if thread is None:
            return turn_request.default_instructions
        if thread.instructions_digest is None:
            return None
        stored = instructions.get(connection, owner_id, thread.id, thread.instructions_digest)
        return None if stored is None else stored.text

    instructions_text = turn_request.instructions or await runtime.database.read(read) or ""
    await runtime.sizes.prepare([instructions_text], runtime.deployment.models)
    return instructions_text
