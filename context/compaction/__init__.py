"""Compaction of old messages into the summary: `when` it is due, its `scope` (which messages, by which model), and the summarizer's `prompt`.

Imported by `planning`, `chat.background` and `chat.turns`. May import `cache`, `request`, `models`. Pure: the calls are made in `chat.background`.
"""
