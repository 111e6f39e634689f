"""`GET /v1/models`: what can be asked for by name, in the shape that the client reads."""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from chat.api.deps import json_response
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.schemas.fields import Answer
from chat.errors import ModelNotFound
from chat.protocols.anthropic.models import AnthropicModel, AnthropicModels, PageQuery, model_of, page
from chat.protocols.anthropic.schemas import AnthropicError
from chat.runtime.deployment import Deployment

AUTO = "palaver-auto"
"""The name under which the router chooses."""


def offered(deployment: Deployment) -> list[str]:
    """The names a request may ask for: the router, the tiers, the models behind them."""
    return list(dict.fromkeys([AUTO, *deployment.tiers, *deployment.tiers.values()]))


class OpenAiModel(Answer):
    """One name, as OpenAI's clients read it. `created` is a time in seconds; nothing here has one."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "palaver"


class OpenAiModels(Answer):
    object: Literal["list"] = "list"
    data: list[OpenAiModel]


class Models(Resource):
    """The handlers of models. Clients of all protocols ask the same path for them; Anthropic's send their version."""

    @Endpoint(
        "GET",
        "/v1/models",
        "List what can be asked for by name, in OpenAI's shape, or Anthropic's where the request has `anthropic-version`",
        query=PageQuery,
        answers={200: OpenAiModels},
        other_bodies=(AnthropicModels,),
        error_body=AnthropicError,
        thread_check="not_needed",
    )
    async def models(self, request: Request) -> Response:
        asked, names = query(request, PageQuery), offered(self.deps.deployment)
        if _is_anthropic(request):
            return json_response(page([model_of(self.deps.deployment, name) for name in names], asked))
        return json_response(OpenAiModels(data=[OpenAiModel(id=name) for name in names]))

    @Endpoint(
        "GET",
        "/v1/models/{model}",
        "Read one of them",
        answers={200: OpenAiModel},
        other_bodies=(AnthropicModel,),
        errors=(ModelNotFound,),
        error_body=AnthropicError,
        thread_check="not_needed",
    )
    async def model(self, request: Request) -> Response:
        name = str(request.path_params["model"])
        if name not in offered(self.deps.deployment):
            raise ModelNotFound("no such model here", param="model")
        if _is_anthropic(request):
            return json_response(model_of(self.deps.deployment, name))
        return json_response(OpenAiModel(id=name))


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers
