"""Make upstream calls and write their ledger rows: record (one call), caller (makes it), ledger, hooks (for observers).
Imports: `chat.upstream`, `chat.budgets`, `store`, `context`. Every upstream call goes through here.
"""
