"""The embedded local model: a small demo model in a child process, spoken to over the same Messages protocol as Claude.

Reading order: capabilities (what the endpoint does with each request field, and its limits) · weights (the model file) ·
keeping (a file fetched once, for all processes) · download (how) · server (the child process) · child (starting and ending one) · process (keeping one alive).

Only `server` imports xllamacpp, and only the child process runs it: a crash there never takes Palaver down.
"""
