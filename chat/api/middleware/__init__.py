"""ASGI middleware around every request, outermost first: unread_body, request_context (id, log, errors), origin, rate_limit, auth.
Imports: `chat.auth`, `chat.clock`, `chat.errors`, `chat.api.schemas`. Wired by `chat.app`. Touches no table.
"""
