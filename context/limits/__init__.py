"""What keeps a call within limits: circuit breaker, rate-limit headroom, fallback candidates, budgets and what still fits them.
Imports: `models`, `routing`. Pure.
"""
