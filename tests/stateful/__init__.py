"""Anything a user, a network and a power cut can do, in any order, against a small model of what must be true.

`server` runs the real application and crashes it, `model` says what must be true, `readers` is how clients follow turns,
`invariants` compares, and `test_state_machine` mixes the steps.
"""
