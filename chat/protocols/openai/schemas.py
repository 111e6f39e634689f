"""What of a chat completion's request is read. Clients send much more, which is ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chat.api.schemas.fields import MAX_TEXT, Answer, examples

Long = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
MAX_MESSAGES = 4_000  # of a conversation; a thread's history is stored in one transaction
Limit = Annotated[int, Field(ge=1)]


class _Tolerant(BaseModel):
    """A body of a protocol that is not ours: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class ContentPart(_Tolerant):
    """A part of a message. Only texts are read; anything else is refused."""

    type: Annotated[str, StringConstraints(max_length=200)]
    text: Long | None = None


class ChatMessage(_Tolerant):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Long | list[ContentPart] | None = None
    tool_calls: list[Any] | None = None


class StreamOptions(_Tolerant):
    """`include_usage`: a last chunk tells the tokens."""

    include_usage: bool | None = None


class CompletionRequest(_Tolerant):
    """The body of a chat completion."""

    model_config = examples(
        {
            "model": "palaver-auto",
            "messages": [{"role": "user", "content": "Why do kilns cool slowly?"}],
            "stream": True,
        }
    )

    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="`palaver-auto`, a tier (simple, standard, complex) or a model's name."
    )
    messages: list[ChatMessage] = Field(
        min_length=1, max_length=MAX_MESSAGES, description="The whole conversation, or its newest part."
    )
    stream: bool | None = Field(default=None, description="Whether the answer comes as events.")
    stream_options: StreamOptions | None = None
    max_tokens: Limit | None = Field(default=None, description="Read of stateless requests.")
    max_completion_tokens: Limit | None = Field(default=None, description="Read of stateless requests.")
    stop: Long | list[Long] | None = Field(default=None, description="Read of stateless requests.")

    @property
    def with_usage(self) -> bool:
        """Whether the stream ends with the tokens."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def limit(self) -> int | None:
        """The most tokens the answer may have."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end the answer. One of white space alone is nothing that the model's provider takes."""
        texts = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in texts if text.strip())


class CompletionMessageOut(Answer):
    """The answer. `reasoning_content` is none of OpenAI's own fields, but what frontends read."""

    role: Literal["assistant"]
    content: str
    refusal: None = None
    reasoning_content: str | None = None


class CompletionChoiceOut(Answer):
    """The one choice there is."""

    index: int
    message: CompletionMessageOut
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class CompletionUsageOut(Answer):
    """Tokens; the details are parts of the totals."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int] = Field(default_factory=dict)
    completion_tokens_details: dict[str, int] = Field(default_factory=dict)


class CompletionOut(Answer):
    """A whole completion. `created` in seconds."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[CompletionChoiceOut]
    usage: CompletionUsageOut
