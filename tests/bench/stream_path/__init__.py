"""What one delta costs on its way from the model to a reader: `python -m tests.bench.stream_path`.

Three servers, each a process of its own, are read at the same pace by this process: Palaver; the simulator alone, which is what
the model side itself costs; and `relay`, thirty lines that pass text on and keep nothing, which is what doing without Palaver costs.
`run` starts and measures, `load` reads, `__main__` prints the table.
"""
