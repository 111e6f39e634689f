"""The shapes of the Messages API, as far as they are described here: requests and answers are passed through, whatever else they hold."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chat.api.schemas.fields import Answer, examples


class MessagesRequest(BaseModel):
    """A request as the provider documents it. Only these fields are read."""

    model_config = ConfigDict(extra="allow") | examples(
        {
            "model": "palaver-auto",
            "max_tokens": 1024,
            "messages": [{"role": "user", "content": "Why do kilns cool slowly?"}],
            "stream": True,
        }
    )

    model: str = Field(description="`palaver-auto`, a tier (simple, standard, complex) or a model's name.")
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)]
    stream: bool = False


class CountRequest(BaseModel):
    """The same without what concerns the answer."""

    model_config = ConfigDict(extra="allow") | examples(
        {"model": "simple", "messages": [{"role": "user", "content": "Why do kilns cool slowly?"}]}
    )

    model: str
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Beta(BaseModel):
    """What Anthropic's clients add to the path of beta requests; passed on."""

    beta: Literal["true"] | None = None


class AnthropicErrorBody(Answer):
    type: str
    message: str


class AnthropicError(Answer):
    """An error of the provider's, or one of ours in its shape."""

    type: Literal["error"]
    error: AnthropicErrorBody
    request_id: str | None = None
