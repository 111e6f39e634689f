"""Keep calls within limits: circuit `breaker`, rate-limit `headroom`, `fallback` candidates, `budgets` and the call that still fits them (`fit`).

Imported by `chat` and `store.ledger`. May import `models`, `routing`. Pure: counters and clocks are in `chat` and `store`.
"""
