"""The adapter to the model provider: the only package that imports the `anthropic` SDK. Imports: `chat.config`, `context`.
Talks to the provider, to Redis (replicas) and to the local model's child process.

Reading order: failures (every error as a value) · stream_decoder (bytes of a stream to events) · retry · admission (what a call passes
before it is sent), with slot_request, model_state and fair_queue · replica_events and replica_sync (shared between replicas) · client (one call) ·
models and probe (the Models API) · local/ (the embedded demo model). README.md says what becomes of each fault.
"""
