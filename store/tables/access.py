"""Tables of access: the tokens of end users, which stand in no settings file."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, String
from sqlmodel import Field, SQLModel


class AccessTokenRow(SQLModel, table=True):
    """A token of an end user: issued here, or signed by the host and seen here. The token itself is not stored."""

    __tablename__ = "access_tokens"
    __table_args__ = (Index("access_tokens_by_user", "user_id"), Index("access_tokens_by_end", "expires_at"))
    id: str = Field(primary_key=True)
    digest: str = Field(sa_column=Column(String(64), nullable=False, unique=True))  # SHA-256 of the token
    user_id: str = Field(foreign_key="users.id")
    signed: bool  # by the host; otherwise it was issued here
    hint: str  # the token's last four characters, to know it by
    limits: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    issued_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
