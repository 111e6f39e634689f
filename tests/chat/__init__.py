"""The acting half under test: real HTTP over real sockets, a real database, and the simulator instead of the model.

The folders mirror the packages of `chat/`. What they share stands here: `talk` (long conversations on a scripted clock), `outcomes`
(a turn's events, answer and ledger rows), `errors` (the shape of every error), `process` (the real command).
"""
