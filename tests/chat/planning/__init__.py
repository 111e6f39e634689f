"""Exact replay of requests."""
