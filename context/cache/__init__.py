"""The provider's prompt cache: what of a prompt is cached, for how long, and when a cached prefix is renewed.

Reading order: cache_state (one thread and model) · idle_gaps, global_gaps, gap_forecast (when the next turn comes) · plan_inputs (a model's settings,
a branch's state) · cost_model · pauses, markov, ttl_choice (for how long) · positions, layout, breakpoints (what) · keepalive (renewing).
Imported by `compaction`, `audit`, `planning`, `chat` and `store.cache_states`. May import `request`, `models`, `policy`. Pure.
"""
