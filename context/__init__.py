"""context decides: what a request contains, which model answers, what it costs, and why. Pure values in, pure values out.

Reading order: `messages` (the frozen values) · `policy` (every setting with its reason) · `planning/plan` (the entry point; its steps lead to the
rest) · `request/` (window, summary blocks, recipe, bytes) · `cache/` (TTLs, breakpoints, keep-alives) · `compaction/` · `routing/` · `limits/` ·
`recall/` · `audit/` · `models/` · `tokens/`. README.md has the formulas and the decisions.

No clock, no randomness, no I/O, no `async`: the same values in give the same bytes out, which is what makes replay exact.
May import: the standard library, `genai_prices`. Is imported by: `store`, `chat`.
"""
