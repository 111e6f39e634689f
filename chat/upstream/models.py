"""Load the models of the tiers: names from settings, limits from the Models API where it answers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog
from anthropic import AnthropicError, AsyncAnthropic

from context.models.catalog import KNOWN, Model, Tier, from_models_api, lookup

log = structlog.get_logger()


async def load(client: AsyncAnthropic, tiers: Mapping[Tier, str]) -> dict[str, Model]:
    """Each tier's model by its configured name. Where the provider does not answer or does not know a model, the built-in catalog is used."""
    names = list(dict.fromkeys(tiers.values()))
    return dict(zip(names, await asyncio.gather(*(_load_model(client, name) for name in names)), strict=True))


async def _load_model(client: AsyncAnthropic, model_id: str) -> Model:
    try:
        info = await client.models.retrieve(model_id, timeout=5.0)
        described = info.model_dump(mode="json", warnings=False)
        if model_id in KNOWN:
            return from_models_api({**described, "id": model_id})
        # An alias is answered with the id of the model behind it; requests, plans and cache states name what is configured.
        return replace(from_models_api(described), id=model_id)
    except (AnthropicError, OSError) as failure:
        log.warning("models_api.lookup_failed", model=model_id, kind=type(failure).__name__)
    except Exception as failure:  # noqa: BLE001 - a page, a list: the SDK returns whatever came, and anything may be missing in it
        log.warning("models_api.unusable_answer", model=model_id, kind=type(failure).__name__)
    return lookup(model_id)
