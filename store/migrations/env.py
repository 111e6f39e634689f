"""Alembic's entry: runs on the connection it is handed, inside that connection's transaction."""

from alembic import context

from store.tables import metadata


def include_object(
    object_: object, name: str | None, type_: str, reflected: bool, compare_to: object
) -> bool:
    """The search index and SQLite's shadow tables of it are made by hand."""
    return not (type_ == "table" and name is not None and name.startswith("message_search"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=include_object,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
