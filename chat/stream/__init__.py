"""The event log of one answer: event types, the journal that makes them durable, the builder of the answer's parts.
Imports: `store`, `context`. Writes turn events.
"""
