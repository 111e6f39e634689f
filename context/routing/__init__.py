"""Which model answers a turn, and why.

Read in this order: `choice` (the decision and its order of precedence), `next` (the one after it did not do), `rules` (what the operator pins), `complexity` (how much
thinking a message needs), `signals`, `aims` and `thread` (what shows it), `lexicon` (words of thirty languages), `model` (trained
weights) and `gain` (what a stronger model would add). All pure; weights and words are data files beside them.
"""
