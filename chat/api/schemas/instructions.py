"""Shapes of a thread's instructions."""

from pydantic import Field

from chat.api.schemas.fields import Answer, Body, InstructionsText, examples


class InstructionsChange(Body):
    model_config = examples({"text": "You help customers of a pottery. Prices are in euros."})

    text: InstructionsText


class InstructionsVersionOut(Answer):
    """`text` null: the instructions were removed. `after_id`: the last message before the change, null in an empty thread."""

    text: str | None
    after_id: str | None
    set_at: str


class InstructionsOut(Answer):
    digest: str | None = Field(description="SHA-256 of the text; null where there are none.")
    text: str | None
    versions: list[InstructionsVersionOut] = Field(description="The last 50 changes, the newest first.")
