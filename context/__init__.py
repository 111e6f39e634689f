"""context decides: what a request will contain, which model answers, what it costs - and why. Pure values in, pure values out.

Reading order: messages (the frozen values) · policy (every knob and its reason) · catalog (models and their limits) ·
tokens (how long a text is) · pricing (what tokens cost) · routing (which model) · window (which messages) ·
breakpoints (what is cached) · plan (the one entry point) · request (plan to exact API bytes and back).

No clock, no randomness, no I/O, no `async`: the same values in give the same bytes out, which is what makes replay exact.
May import: the standard library, `tokenizers`, `genai_prices`. Is imported by: store, chat.
"""
