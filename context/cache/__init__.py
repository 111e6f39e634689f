"""The prompt cache: its state per thread and model, idle gaps and their forecast, TTL choice, breakpoints, keep-alives.
Imports: `request`, `models`, `policy`. Pure.
"""
