"""The usage ledger: entries, open calls, reports, budgets, alerts. Imports: `store.tables`, `context`."""
