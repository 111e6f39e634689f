"""Errors of the store.

StoreError
├── StoreFull          the disk is full: nothing was written, reads go on
├── StoreUnavailable   the database does not answer or is held by another process
├── SchemaTooNew       a newer Palaver has migrated the database
└── SqliteTooOld       the SQLite of this Python lacks what is used
"""


class StoreError(Exception):
    """Something the store could not do; nothing was changed."""


class StoreFull(StoreError):
    """The disk is full: nothing was written, reads go on, and writes work again once there is space."""


class StoreUnavailable(StoreError):
    """The database does not answer."""


class SchemaTooNew(StoreError):
    """A newer Palaver has migrated the database; this one does not know its schema."""


class SqliteTooOld(StoreError):
    """The SQLite of this Python lacks what is used."""
