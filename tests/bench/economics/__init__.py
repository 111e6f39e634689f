"""What long threads cost under the context engine, against the least possible and against simpler policies.

Reading order: conversations (threads as sizes, pauses) · provider (what is billed, by the simulator's own accounting) · engine (the
pure engine, turn by turn) · fixed (simpler policies) · real (the real application)
· __main__ (the table) · cost_adapter (for another scorer).

    python -m tests.bench.economics THREADS.jsonl.gz [--limit 8] [--patterns seconds,minutes]
"""
