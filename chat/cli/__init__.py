"""The `palaver` command: serve, migrate, doctor, token, economics, usage, route, monitoring. `main` declares the commands.
May import everything; only `chat.__main__` imports it. Reads the database; writes it only through `serve` and `migrate`.
"""
