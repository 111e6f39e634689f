"""The remembering half under test: real SQLite and real Postgres."""
