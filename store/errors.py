"""Errors of the store.

StoreError
├── StoreFull          the disk is full: nothing was written, reads go on
└── StoreUnavailable   the database does not answer or is held by another process
"""


class StoreError(Exception):
    """Something the store could not do; nothing was changed."""


class StoreFull(StoreError):
    """The disk is full: nothing was written, reads go on, and writes work again once there is space."""


class StoreUnavailable(StoreError):
    """The database does not answer."""
