"""The routes of all adapters, and how errors under them are written."""

from collections.abc import Mapping

from chat.api.endpoint import Resource
from chat.api.middleware.request_context import ErrorResponse
from chat.protocols.ai_sdk.chat import AiSdkChat
from chat.protocols.errors import sentence

RESOURCES: tuple[type[Resource], ...] = (AiSdkChat,)

ERROR_RESPONSES: Mapping[str, ErrorResponse] = {"/api/ai-sdk/": sentence}
"""The shape of errors by the beginning of the path, those of the middleware included."""
