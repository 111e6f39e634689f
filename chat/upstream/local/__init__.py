"""The embedded local model: a small demo model in a child process that serves the Messages protocol as the Claude API does.
Imports nothing of Palaver outside this folder.

Reading order: capabilities (what the endpoint does with each request field, and its limits) · weights (the model file) ·
cached_file (a file fetched once, for all processes) · download (how) · server (the child process) · child (starting and ending one) · process (keeping one running).

Only `server` imports xllamacpp, and only the child process runs it: a crash there never takes Palaver down.
"""
