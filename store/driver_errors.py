"""Tell the errors of the database drivers apart, and translate them into StoreError."""

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from store.errors import StoreError, StoreFull, StoreLocked, StoreTimeout, StoreUnavailable


def lost_to_concurrent(failure: DBAPIError) -> bool:
    """Whether Postgres rolled a transaction back because of a concurrent one: a deadlock or a serialization failure."""
    return str(getattr(failure.orig, "sqlstate", None) or "") in ("40P01", "40001")


def out_of_space(failure: DBAPIError) -> bool:
    """Whether the disk is full."""
    words = str(failure.orig).lower()
    return "disk is full" in words or "no space left" in words


class translated:
    """Translate driver errors into StoreError; constraint violations pass as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, IntegrityError | StoreError):
            return
        if isinstance(error, DBAPIError):
            if out_of_space(error):
                raise StoreFull("the disk is full") from error
            if "database is locked" in str(error.orig) or "database table is locked" in str(error.orig):
                raise StoreLocked("another program holds the database") from error
            if "not a database" in str(error.orig):
                raise StoreUnavailable("the file is not a database") from error
            if (meaning := _by_sqlstate(error)) is not None:
                raise meaning from error
            if lost_to_concurrent(error):
                raise StoreUnavailable("too many transactions want the same rows") from error
            if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
                raise StoreUnavailable("the database does not answer") from error
        if isinstance(error, PoolTimeout):  # every connection of the pool has been in use for too long
            raise StoreUnavailable("the database does not answer in time") from error
        if isinstance(error, OSError):
            raise StoreUnavailable("the database cannot be reached") from error


def _by_sqlstate(error: DBAPIError) -> StoreError | None:
    """What an SQLSTATE means (PostgreSQL documentation, appendix "PostgreSQL Error Codes"); None for one without a meaning of its own."""
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    if sqlstate == "57014":  # the statement's time limit
        return StoreTimeout("the statement took too long")
    if sqlstate.startswith(("28", "3D")):  # wrong user or password; no such database
        return StoreUnavailable("the database server refuses the login")
    if sqlstate.startswith(("53", "57P")):  # out of connections or memory; shutting down
        return StoreUnavailable("the database does not answer")
    return None
