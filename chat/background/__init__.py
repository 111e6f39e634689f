"""Background jobs (titles, compaction, keep-alives, cleanup), their scheduler, and the model calls that are no turn's answer.
Imports: `chat.planning`, `chat.runtime`, `chat.calls`, `store`, `context`. Writes summaries, titles and cache states; a failure here
changes nothing for a turn.
"""
