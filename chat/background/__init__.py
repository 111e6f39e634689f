"""Model work that nobody waits for: compaction, keep-alives, titles. Imports: `chat.planning`, `chat.runtime`, `chat.calls`, `store`, `context`.
Calls models and writes summaries, titles and cache states; a failure here changes nothing for a turn.
"""
