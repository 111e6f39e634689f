"""The plan of a request: `plan` (the entry point), `planned` (its value), `trim` (what fits). Imports: everything else in `context`. Pure."""
