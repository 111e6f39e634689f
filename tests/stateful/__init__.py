"""Anything a user, a network and a power cut can do, in any order, against a small model of what must be true.

`world` runs the real application and crashes it, `model` says what must be true, `reading` is how clients follow turns, `examine`
compares, and `test_anything` mixes the steps.
"""
