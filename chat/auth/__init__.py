"""Authenticate requests: principals, access tokens by digest, tokens that a host signs for its users, and the registry of all while serving.
Imports: `chat.config`, `store`. Reads the settings file and the host's public keys; touches the database's users.
"""
