"""Count the tokens of a text: exactly where the model's tokenizer is public, and otherwise by an estimate that learns from every bill.

Reading order: features (what is counted in a text) · tokenizer (the shipped `tokenizer.json`) · pieces (how a text is cut) · prior (the
one fast pass that counts it) · beliefs (what a model is assumed to charge per feature before it has reported anything) ·
calibration (what reported usage has taught: the estimate, its uncertainty, the safe-side bound) · exact (a model's own tokenizer).

`tokenizer.json` is made by `tests/bench/token_estimates/train_tokenizer.py`, which names its sources.
"""
