"""ASGI middleware around every request: request context and logging, rate limits, unread bodies, authentication.
Imports: `chat.auth`, `chat.config`. Touches no table.
"""
