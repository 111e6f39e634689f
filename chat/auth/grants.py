"""What a token of an end user allows, and how end users are named."""

from typing import Annotated, Literal
from urllib.parse import quote, unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from chat.auth.principal import Principal
from chat.config.types import check_origin
from context.models.catalog import Tier

END_USER = "user:"  # no user of the settings file has a colon in the name
LONGEST_SUBJECT = 255  # characters, as OpenID Connect Core 1.0 (section 2) limits `sub`
LONGEST_ID = 1_024  # characters of an owner's id: Postgres indexes rows of up to 2,700 bytes
KEPT = "@|:+"  # of a subject, besides letters, digits and ._~-: every other character is percent-encoded


def owner_of(subject: str) -> str:
    """The id of an end user. No two subjects have the same, and no user of the settings file has it. Raises ValueError."""
    if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise ValueError(f"a user is named by 1 to {LONGEST_SUBJECT} printable characters")
    owner_id = END_USER + quote(subject, safe=KEPT)
    if len(owner_id) > LONGEST_ID:
        raise ValueError(f"a user's name has {LONGEST_ID} characters at most when it is percent-encoded")
    return owner_id


def subject_of(owner_id: str) -> str:
    """The name that the host gave the end user of that id."""
    return unquote(owner_id.removeprefix(END_USER))


Origin = Annotated[str, StringConstraints(max_length=300), AfterValidator(check_origin)]


class Grant(BaseModel):
    """What a token allows. Without any field: to read and write all threads of its user."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    thread: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = Field(
        default=None, description="The only thread it opens; absent: all of the user's."
    )
    access: Literal["read", "write"] = Field(default="write", description="`write` includes reading.")
    origins: Annotated[list[Origin], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="The only pages that may use it, by their exact origins."
    )
    tier: Tier | None = Field(default=None, description="All its turns use this tier.")
    tier_rule: Literal["exactly", "at_most"] = Field(
        default="exactly", description="`at_most`: or a cheaper tier."
    )
    feature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        default=None, description="The label of its calls in the ledger, whatever a request says."
    )

    def principal(self, owner_id: str, token: str) -> Principal:
        """Who a request with such a token acts for. `token`: its name in the ledger."""
        return Principal(
            owner_id=owner_id,
            token=token,
            end_user=True,
            tier=self.tier,
            at_most=self.tier_rule == "at_most",
            thread_id=self.thread,
            writes=self.access == "write",
            origins=None if self.origins is None else tuple(self.origins),
            feature=self.feature,
        )
