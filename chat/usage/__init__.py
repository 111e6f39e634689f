"""Questions to the ledger: sums, date ranges, CSV, and what threads could have cost. Imports: `chat.config`, `store`, `context`.
Reads the database only.
"""
