"""Settings of where the server is reached: address or Unix socket, path, and the proxies in front of it."""

from pydantic import Field
from pydantic_settings import BaseSettings

from chat.config.types import BasePath, FilePath, Line, Names, Port


class Placement(BaseSettings):
    """The first settings of `Settings`."""

    host: Line = Field(
        default="127.0.0.1", description="Address to listen on; other than loopback needs a token."
    )
    port: Port = Field(default=8100, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    uds: FilePath | None = Field(
        default=None, description="Path of a Unix socket to listen on instead of `host` and `port`."
    )
    uds_mode: str = Field(
        default="660",
        pattern="^0?[0-7]{3}$",
        coerce_numbers_to_str=True,
        description="Permissions of the Unix socket's file, as `chmod` takes them.",
    )
    base_path: BasePath = Field(
        default="/",
        description="Path that page and API are under, such as `/chat`; see `chat/api/README.md`.",
    )
    trusted_proxies: Names = Field(
        default=(),
        description="Addresses of proxies (comma-separated) whose forwarding headers are trusted; `unix`: those that use the Unix socket.",
    )

    @property
    def path_prefix(self) -> str:
        """The base path as it stands in front of a path: "" for the root, else without a slash at its end."""
        return self.base_path.rstrip("/")
