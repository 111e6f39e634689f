"""The life of one turn: accept, place in the branch, choose a model, plan, ask, journal, finish, recover.
Imports: everything below it. The only package that starts and ends turns.
"""
