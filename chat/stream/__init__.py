"""The event log of one answer: event and note types, the journal that makes them durable, the builder of the answer's parts.
Imports: `store`, `context`. Writes turn events.
"""
