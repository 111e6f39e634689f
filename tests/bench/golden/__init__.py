"""Small fixed threads through the application and the engine, with golden bills, compactions and recall: part of the tests.

Reading order: conversations (the threads) · measured (the application) · sizes (the pure engine over sizes) · golden (the file and the
limits) · __main__ (writes the file).
"""
