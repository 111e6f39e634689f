"""Recall: choose older messages that the new one needs, and quote them. README.md has the reading order and the decisions.

Imported by `store.search` and `chat`. May import `messages` and `request.recipe`. Pure: the store searches, this package decides.
"""
