"""Alembic's migrations: one file per released change of the schema, forward only, on SQLite and Postgres alike."""
