"""Enforce budgets: reservations around each call, alerts to the operator, gauges.
Imports: `chat.config`, `chat.upstream` (failures), `store`, `context`. Writes budget counters and posts to the alert webhook.
"""
