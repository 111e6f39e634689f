"""What long threads cost under the context engine, against the least possible and against simpler policies.

Reading order: __main__ (the table: the application beside simpler policies) · conversations (threads as sizes, pauses) · provider (what is
billed, by the simulator's own accounting) · baselines (simpler policies) · lower_bound · engine (the pure engine, turn by turn) ·
global_gaps, known_gaps (what knowing more about idle gaps is worth) · cost_adapter (for another scorer).
"""
