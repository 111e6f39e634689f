"""OpenAI's Chat Completions: completions (handlers), conversation (what a client says), placement (where it stands in a thread), chunks (the stream).
Imports: as `chat.protocols`. Written against `openai` 3.51 for Python and 7.55 for JavaScript, Open WebUI and LibreChat.
"""
