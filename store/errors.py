"""Errors of the store.

StoreError
├── StoreFull          the disk is full: nothing was written, reads go on
├── StoreTimeout       a report or search took too long and was interrupted
├── StoreUnavailable   the database does not answer
│   ├── StoreBusy      all connections for reports and search are in use
│   └── StoreLocked    another program holds the lock of the SQLite file
├── SchemaTooNew       a newer Palaver has migrated the database
└── SqliteTooOld       the SQLite of this Python lacks what is used
"""


class StoreError(Exception):
    """Something the store could not do; nothing was changed."""


class StoreFull(StoreError):
    """The disk is full: nothing was written, reads go on, and writes work again once there is space."""


class StoreUnavailable(StoreError):
    """The database does not answer."""


class StoreTimeout(StoreError):
    """A report or search took too long and was interrupted."""


class StoreBusy(StoreUnavailable):
    """All connections for reports and search are in use."""


class StoreLocked(StoreUnavailable):
    """Another program holds the lock of the SQLite file: nothing was written."""


class SchemaTooNew(StoreError):
    """A newer Palaver has migrated the database; this one does not know its schema."""


class SqliteTooOld(StoreError):
    """The SQLite of this Python lacks what is used."""
