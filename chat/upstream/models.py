"""The models this deployment offers: names from settings, limits from the Models API where it answers."""

import asyncio
from collections.abc import Mapping

import structlog
from anthropic import AnthropicError, AsyncAnthropic

from context.models.catalog import Model, Tier, from_models_api, lookup

log = structlog.get_logger()


async def load(client: AsyncAnthropic, tiers: Mapping[Tier, str]) -> dict[str, Model]:
    """Each tier's model by id. A provider that does not answer, or does not know a model, costs only precision."""
    names = list(dict.fromkeys(tiers.values()))
    return dict(zip(names, await asyncio.gather(*(_one(client, name) for name in names)), strict=True))


async def _one(client: AsyncAnthropic, model_id: str) -> Model:
    try:
        info = await client.models.retrieve(model_id, timeout=5.0)
    except (AnthropicError, OSError) as failure:
        log.warning("the Models API did not describe a model", model=model_id, kind=type(failure).__name__)
        return lookup(model_id)
    return from_models_api(info.model_dump(mode="json"))
