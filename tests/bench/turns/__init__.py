"""What one turn asks of the database, and what it costs: `python -m tests.bench.turns`.

`counted` is Palaver with counters in its SQLite driver, as a process of its own; `run` has it answer turns, one at a time; `__main__`
prints the table. Model and readers are those of `tests.bench.stream_path`.
"""
