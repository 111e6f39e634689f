"""How many tokens a text is, for models whose tokenizer nobody outside has: a guess that learns from every bill.

Reading order: features (what is counted in a text) · vocabulary (the shipped word lists) · pieces (how a text is cut) · prior (the
one fast pass that counts it) · beliefs (what a model is assumed to charge per feature before it has reported anything) ·
calibration (what reported usage has taught: the estimate, its uncertainty, the safe-side bound).

`vocabularies.txt.gz` is made by `tests/bench/token_estimates/train_prior.py`, which names its sources.
"""
