"""Routing: choose the model that answers a turn, and say why. README.md has the reading order, the figures and the decisions.

Imported by `limits`, `planning` and `chat`. May import `models`. Pure; words and weights are data files beside the code.
"""
