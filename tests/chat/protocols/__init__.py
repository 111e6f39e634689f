"""Adapters for other clients, with the real clients."""
