"""The plan of a request: `plan` (the entry point), `trim` (what fits the model), `planned` (the plan as a value).

Imported by `chat`. May import everything else in `context`. Pure.
"""
