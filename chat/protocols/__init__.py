"""Streams and requests in the shapes of other clients: each adapter is a thin loop over a turn's own events. README.md maps them.
Imports: `chat.api` and what that may import; only `app` imports it. Stores nothing of its own.

Reading order: routes (who serves what) · errors (their shapes) · frames (bytes back into events) · thread_ids · models · ai_sdk/ (chat: the handlers;
message: what a request asks for; chunks: the loop) · openai/ (completions: the handler; conversation: what the client says;
placement: where it stands in the thread; chunks: the loop) · anthropic/ (a pass-through: no turn).
"""
