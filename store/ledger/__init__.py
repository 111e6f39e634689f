"""The usage ledger: entries (one row per upstream call), open_calls (in flight), reports (sums), budgets, alerts. Imports: `store.tables`, `context`."""
