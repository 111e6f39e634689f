"""The shape of a presence report."""

from typing import Literal

from chat.api.schemas.fields import Body, examples


class PresenceIn(Body):
    """Whether somebody looks at the thread: `open` is a page that is not shown, `gone` one that closes."""

    model_config = examples({"state": "visible"})

    state: Literal["visible", "open", "gone"]
