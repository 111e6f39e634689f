"""The usage ledger: entries (one row per upstream call), open_calls (in flight), reports (sums), budgets. Imports: `store.tables`, `context`."""
