"""The id of the user who always exists: who owns what is written without a token of somebody else's."""

from typing import Final

LOCAL: Final = "local"
