"""Message search, recall's reads, and their indexes: terms, branches, vectors. Imports: `store.sqlite`, `store.tables`, `context`."""
