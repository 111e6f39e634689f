"""What long threads cost under the context engine, against the least possible and against simpler policies.

Reading order: conversations (threads as sizes, pauses) · provider (what is billed, by the simulator's own accounting) · engine (the
pure engine, turn by turn) · baselines (simpler policies) · lower_bound · application (the real application) · global_gaps,
known_gaps (what knowing more about idle gaps is worth) · __main__ (the table) · cost_adapter (for another scorer).

    python -m tests.bench.economics THREADS.jsonl.gz [--limit 8] [--patterns seconds,minutes]
"""
