"""Check decisions afterwards: estimated against actual cache reads (`cache_audit`), `savings`, the least possible cost of a thread (`bound`,
`hindsight`) and what simpler policies would have cost (`baselines`).

Imported by `chat.turns`, `chat.usage` and `store.ledger`. May import `cache`, `request`, `models`, `policy`. Pure.
"""
