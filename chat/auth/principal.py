"""The authenticated identity of a request."""

from dataclasses import dataclass

from context.models.catalog import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The user a request acts for, and the name of the token it carried, if any.

    `tier`: the tier the token pins its turns to, exactly or (`at_most`) as the most expensive one. `admin`: whether it may
    see usage of the whole deployment; `acts_for_users`: whether it may act for end users, and issue tokens for them.
    `instructions`: those of threads that it begins, unless it gives others. `end_user`: whether it is in the hands of
    a host's user; `thread_id`: the only thread it opens; `writes`:
    whether it may change anything; `origins`: the only pages that may use it; `feature`: the label of its calls in the ledger.
    """

    owner_id: str
    token: str | None = None
    tier: Tier | None = None
    at_most: bool = False
    admin: bool = False
    instructions: str | None = None
    acts_for_users: bool = False
    end_user: bool = False
    thread_id: str | None = None
    writes: bool = True
    origins: tuple[str, ...] | None = None
    feature: str | None = None
