"""Authenticate requests: principals, access tokens by digest, and the registry that reloads them while serving.
Imports: `chat.config`, `store`. Reads the settings file and the database's users.
"""
