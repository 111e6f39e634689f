"""The shape of a presence report."""

from typing import Literal

from chat.api.schemas.fields import Body


class PresenceIn(Body):
    state: Literal["visible", "open", "gone"]
