"""Validate access tokens as an operator lists them: `[[tokens]]` in palaver.toml."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from context.models.catalog import Tier
from context.request.prompts import MAX_INSTRUCTIONS
from store.local_user import LOCAL

DEFAULT_TOKEN = "default"  # noqa: S105 - no secret: the name of the token in PALAVER_TOKEN
SIGNED_TOKEN = "signed"  # noqa: S105 - no secret: the name, in the ledger and in budgets, of all tokens that a host signs
ISSUED_TOKEN = "issued"  # noqa: S105 - likewise, of all tokens that this server issued
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
USER = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$"


class Token(BaseModel):
    """One `[[tokens]]` entry: the digest of a token, never the token itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=NAME)
    user: str = Field(default=LOCAL, pattern=USER)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tier: Tier | None = None
    tier_rule: Literal["exactly", "at_most"] = "exactly"
    admin: bool = False
    instructions: str | None = Field(default=None, min_length=1, max_length=MAX_INSTRUCTIONS)
    acts_for_users: bool = False
    expires: AwareDatetime | None = None
