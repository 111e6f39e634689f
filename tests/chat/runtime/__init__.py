"""Tokens and owners."""
