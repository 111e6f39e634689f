"""What planning a turn costs in threads of different lengths: time and steps of the database's machine, beside a bare read.

Reading order: thread (a thread of any length, written straight into the database) · measure (the figures) · __main__ (the table).

    python -m tests.bench.planning [--sizes 100,10000,100000]
"""
