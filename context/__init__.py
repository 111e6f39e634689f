"""context decides: what a request will contain, which model answers, what it costs - and why. Pure values in, pure values out.

Reading order: messages (the frozen values) · policy (every knob and its reason) · catalog (models and their limits) · tokens/ (how long
a text is) · pricing (what tokens cost) · routing (which model) · fallback, breaker and headroom (what when it fails, and how it is spared) · ladder (the summary) · lanes (a model's cache of a thread) · gaps
(pauses, seen and expected) · terms and economy (what going on, folding and being away cost) · window (what is verbatim) · folding (what is
summarised, and when) · breakpoints (what is cached) · recall/ (what comes back) · tools (what the model may ask for) · plan (the one
entry point) · continuing (the rest of a broken answer) · recipe and request (plan to exact API bytes and back) · keepalive · summary (the summariser's prompt and its answer) ·
selfcheck (foreseen against billed) · bound, hindsight and policies (what a thread could have cost).

No clock, no randomness, no I/O, no `async`: the same values in give the same bytes out, which is what makes replay exact.
May import: the standard library, `tokenizers`, `genai_prices`. Is imported by: store, chat.
"""
