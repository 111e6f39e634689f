"""What a request is made of: `window` and `summary_blocks` (its content), `recipe` (what is stored), `request` (the exact bytes), `blocks` (where two
requests differ), `tools`, `prompts`, `continuing` (the rest of an interrupted answer).

Imported by everything above it, by `chat` and `store`. May import `messages`, `models`, `policy`. Pure.
"""
