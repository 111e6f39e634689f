"""What a turn, a delta and an open stream cost in Palaver, beside servers that do less: `python -m tests.bench.stream_path`.

Reading order: `model` (what answers, at an exact pace), `load` (what reads), `raw` and `tutorial` (the peers), `servers` (how each is started
and asked), `run` (one load on one server), `measures`, `rows` (what Palaver aims at), `compare` (all of it in turn), `table`. `workers`: the
processes of model and readers.
"""
