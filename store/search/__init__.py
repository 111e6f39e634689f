"""Search messages, recall older ones, and keep their indexes: terms, branches, vectors. Imports: `store.sqlite`, `store.tables`, `context`."""
