"""Build the exact request of a turn: the thread snapshot, the planner, and replay from a stored recipe.
Imports: `chat.runtime`, `store`, `context`. Reads threads, writes plans.
"""
