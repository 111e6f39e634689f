"""One model call and its ledger row: the record of a call, the caller that makes it, the ledger, hooks for observers.
Imports: `chat.upstream`, `chat.budgets`, `store`, `context`. Every upstream call goes through here.
"""
