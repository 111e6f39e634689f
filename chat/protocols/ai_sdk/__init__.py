"""The AI SDK's UI message stream, v1, for `useChat` and assistant-ui: chat (handlers), message (requests), chunks (the stream).
Imports: as `chat.protocols`. Written against `ai` 7.0 (`ui-message-stream/ui-message-chunks.ts`, `ui/http-chat-transport.ts`).
"""
