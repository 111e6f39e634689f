"""Models as Anthropic's clients read them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from chat.api.schemas.fields import Answer
from chat.errors import BadRequest
from chat.runtime.deployment import Deployment
from context.models.catalog import TIERS

LABELS = {"palaver-auto": "Palaver: chosen by complexity"}


class AnthropicModel(Answer):
    """One name. Sizes in tokens; of names behind which several models may be, the least. `created_at`: nothing here has one."""

    id: str
    type: Literal["model"] = "model"
    display_name: str
    created_at: str = "1970-01-01T00:00:00Z"
    lifecycle: Literal["active"] = "active"
    max_input_tokens: int
    max_tokens: int


class AnthropicModels(Answer):
    """A page of a list."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class PageQuery(BaseModel):
    """Which part of the list."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    after_id: str | None = None
    before_id: str | None = None


def model_of(deployment: Deployment, name: str) -> AnthropicModel:
    """The description of a name that is offered."""
    tier = next((tier for tier in TIERS if tier == name), None)
    if tier is not None:
        ids = [deployment.tiers[tier]]
    else:
        ids = [name] if name in deployment.models else list(deployment.tiers.values())
    models = [deployment.models[model_id] for model_id in ids]
    label = models[0].label if tier is None else f"Palaver {tier}: {models[0].label}"
    return AnthropicModel(
        id=name,
        display_name=LABELS.get(name, label),
        max_input_tokens=min(model.context_window for model in models),
        max_tokens=min(model.max_output for model in models),
    )


def page(models: Sequence[AnthropicModel], asked: PageQuery) -> AnthropicModels:
    """The part of the list that is asked for. Raises BadRequest for a cursor that names nothing in it."""
    ids = [model.id for model in models]
    for name, cursor in (("after_id", asked.after_id), ("before_id", asked.before_id)):
        if cursor is not None and cursor not in ids:
            raise BadRequest(f"{name}: there is no such model", param=name)
    if asked.before_id is not None:
        rest = models[: ids.index(asked.before_id)]
        chosen = rest[-asked.limit :]
    else:
        rest = models if asked.after_id is None else models[ids.index(asked.after_id) + 1 :]
        chosen = rest[: asked.limit]
    return AnthropicModels(
        data=list(chosen),
        has_more=len(rest) > len(chosen),
        first_id=chosen[0].id if chosen else None,
        last_id=chosen[-1].id if chosen else None,
    )
