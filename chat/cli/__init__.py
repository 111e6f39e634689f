"""The `palaver` command: serve, migrate, doctor, token, economics, usage, route, monitoring.
The top of the house: may import everything; nothing imports it.
"""
