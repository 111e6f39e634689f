"""Access tokens as the operator lists them: `[[tokens]]` in the file."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from context.models.catalog import Tier
from store.users import LOCAL

DEFAULT_TOKEN = "default"  # noqa: S105 - no secret: the name of the one token PALAVER_TOKEN gives
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
USER = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$"


class Token(BaseModel):
    """One `[[tokens]]` entry of the operator's: never the token itself, only its digest."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=NAME)
    user: str = Field(default=LOCAL, pattern=USER)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tier: Tier | None = None
    tier_rule: Literal["exactly", "at_most"] = "exactly"
    admin: bool = False
    expires: AwareDatetime | None = None
