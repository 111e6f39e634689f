"""Who a request comes from."""

from dataclasses import dataclass

from context.models.catalog import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The owner of all a request touches, and the name of the token it carried, if any.

    `tier` is the tier the token pins its turns to: exactly that one, or (`at_most`) no dearer one. `admin`: whether it may
    see figures of the whole deployment.
    """

    owner_id: str
    token: str | None = None
    tier: Tier | None = None
    at_most: bool = False
    admin: bool = False
