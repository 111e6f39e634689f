"""Anything a user, a network and a power cut can do, in any order, against a small model of what must be true.

Stories also draw models configured by aliases, odd frames, titles and summaries that drip or hang, a locked database, and requests of
foreign pages. `server` runs the real application and crashes it, `model` says what must be true, `readers` is how clients follow turns,
`troubles` are the steps that come from outside, `invariants` compares, and `test_state_machine` mixes the steps.
"""
