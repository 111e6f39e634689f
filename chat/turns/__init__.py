"""The life of one turn: accept, place in the branch, choose a model, plan, call, journal, finish, recover. Start at `runner`, then `try_models`.
Imports: everything below it. The only package that starts and ends turns.
"""
