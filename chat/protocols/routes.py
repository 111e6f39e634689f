"""The routes of all adapters, and how errors under them are written."""

from collections.abc import Mapping

from chat.api.endpoint import Resource
from chat.api.middleware.request_context import ErrorResponse
from chat.protocols.ai_sdk.chat import AiSdkChat
from chat.protocols.anthropic.errors import anthropic_error
from chat.protocols.anthropic.messages import AnthropicMessages
from chat.protocols.errors import openai_error, sentence
from chat.protocols.models import Models
from chat.protocols.openai.completions import ChatCompletions

RESOURCES: tuple[type[Resource], ...] = (AiSdkChat, Models, AnthropicMessages, ChatCompletions)

ERROR_RESPONSES: Mapping[str, ErrorResponse] = {
    "/api/ai-sdk/": sentence,
    "/v1/messages": anthropic_error,
    "/v1/chat/": openai_error,
    "/v1/models": anthropic_error,  # it has the fields of OpenAI's, too
}
"""The shape of errors by the beginning of the path, those of the middleware included."""
