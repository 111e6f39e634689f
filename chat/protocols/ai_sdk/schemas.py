"""What of the AI SDK's requests is read. Apps add fields of their own to them, so unknown ones are ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from chat.api.schemas.fields import MAX_TEXT, Id, NewId, examples, not_blank


class _Tolerant(BaseModel):
    """A body of a protocol that is not ours: unknown fields are ignored, types are strict."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class UiPart(_Tolerant):
    """A part of a message. Only those of type `text` are read; files are refused."""

    type: Annotated[str, StringConstraints(max_length=200)]
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = None


class UserMessage(_Tolerant):
    """A message of the user. Raises ValueError for one without text, or with files."""

    id: NewId
    role: Literal["user"]
    parts: Annotated[list[UiPart], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _is_text(self) -> "UserMessage":
        if any(part.type == "file" for part in self.parts):
            raise ValueError("files cannot be sent to this chat")
        if len(not_blank(self.text)) > MAX_TEXT:
            raise ValueError(f"at most {MAX_TEXT} characters")
        return self

    @property
    def text(self) -> str:
        """All text parts, with empty lines between."""
        return "\n\n".join(part.text or "" for part in self.parts if part.type == "text")


class ChatRequest(_Tolerant):
    """The body of a post: of the history only the last message of the user is read, and the id of the answer before it."""

    model_config = examples(
        {
            "id": "thread_1",
            "messages": [
                {
                    "id": "message_1",
                    "role": "user",
                    "parts": [{"type": "text", "text": "Why do kilns cool slowly?"}],
                }
            ],
            "trigger": "submit-message",
        }
    )

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="Id of the chat, which is the thread's."
    )
    messages: list[dict[str, Any]] | None = Field(default=None, description="The chat's messages.")
    message: dict[str, Any] | None = Field(default=None, description="The last message alone, instead.")
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: Id | None = Field(
        default=None,
        alias="messageId",
        description="Id of the message that was edited, or of the answer to write again.",
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="A tier (simple, standard, complex) or a model's name."
    )
