"""context decides: what a request will contain, which model answers, what it costs - and why. Pure values in, pure values out.

Reading order: messages (the frozen values) · policy (every knob and its reason) · catalog (models and their limits) ·
tokens (how long a text is) · pricing (what tokens cost) · routing (which model) · prompts · recipe (what a request was made
of) · ladder (the summary) · lanes (one model's cache of one thread) · gaps (pauses, and which to expect) · economy (the formulas) ·
terms (what a lane's requests are made under) · window (which messages) · breakpoints (what is cached) · folding (when the window
becomes summary) · summary (its prompt, and how its answer is read) · recall (older messages brought back) · plan (the one
entry point) · request (recipe to exact API bytes) · keepalive (whether to keep a cache warm) · selfcheck (was the cache used as
foreseen) · bound (the least a thread could have cost).

No clock, no randomness, no I/O, no `async`: the same values in give the same bytes out, which is what makes replay exact.
May import: the standard library, `tokenizers`, `genai_prices`. Is imported by: store, chat.
"""
