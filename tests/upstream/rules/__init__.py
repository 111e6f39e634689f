"""What the API refuses, and with which words: `check` runs every rule, in the order the API would find fault.

Reading order: check, shape (fields and types), turns (messages and tool pairs), marks (cache breakpoints), abilities
(what one model accepts), thoughts (thinking blocks sent back).
"""
