"""Settings of the tokens that a host signs for its own users."""

from pydantic import Field, ValidationInfo, field_validator

from chat.config.placement import Placement
from chat.config.types import Credential, Line, WebUrl


class EndUsers(Placement):
    """The settings of `Settings` after those of its placement."""

    jwt_secret: Credential | None = Field(
        default=None,
        min_length=32,
        description="Secret (HS256) with which a host signs its users' tokens; see `chat/auth/README.md`.",
    )
    jwt_jwks_url: WebUrl | None = Field(
        default=None, description="URL of the public keys (JWKS) of a host that signs its users' tokens."
    )
    jwt_issuer: Line | None = Field(
        default=None, validate_default=True, description="`iss` of tokens that a host signs."
    )
    jwt_audience: Line = Field(default="palaver", description="`aud` of tokens that a host signs.")
    jwt_max_seconds: int = Field(
        default=86_400,
        ge=60,
        le=2_592_000,
        description="Most seconds from `iat` to `exp` of a token that a host signs.",
    )

    @field_validator("jwt_issuer")
    @classmethod
    def _issued(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and (info.data.get("jwt_secret") or info.data.get("jwt_jwks_url")):
            raise ValueError("tokens that a host signs name it: set their `iss`")
        return value

    @property
    def verifies_tokens(self) -> bool:
        """Whether a host may sign tokens for its users."""
        return self.jwt_secret is not None or self.jwt_jwks_url is not None
