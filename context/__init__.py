"""context decides: what a request will contain, which model answers, what it costs - and why. Pure values in, pure values out.

Reading order: messages (the frozen values) · policy (every knob and its reason) · catalog (models and their limits) · tokens/ (how
long a text is) · pricing (what tokens cost) · savings · prompts · tools (what the model may ask for).

Which model: routing/ · fallback, breaker and headroom (what when it fails, and how it is spared) · budgets and fit.

What a turn's request holds: plan (the one entry point) and planned (its value) · summary (the summary) · window (what is verbatim) · trim
(what fits) · recall/ (what comes back) · layout and breakpoints (what is cached) · recipe and request (plan to exact API bytes and back) ·
continuing (the rest of a broken answer).

What stays cached and what is compacted: cache states (a model's cache of a thread) · gaps (pauses, seen and expected) · terms and economy (what
going on, compacting and being away cost) · lives, by pauses and markov (for how long) · keepalive · compacting (when) and compaction (what) · summary.

Whether that was right: selfcheck (estimated against billed), blocks (where two requests part) · bound, hindsight and policies (what a thread could have cost).

No clock, no randomness, no I/O, no `async`: the same values in give the same bytes out, which is what makes replay exact.
May import: the standard library, `genai_prices`. Is imported by: store, chat.
"""
