"""Query the ledger: sums, date ranges, amounts, CSV, and what threads could have cost. Imports: `chat.config`, `chat.clock`, `store`, `context`.
Reads the database only.
"""
