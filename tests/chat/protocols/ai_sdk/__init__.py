"""The AI SDK adapter, driven by the real `@ai-sdk/react`."""
