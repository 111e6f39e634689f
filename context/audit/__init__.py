"""Whether decisions were right: estimated against actual cache reads, savings, the lower bound of a thread's cost, baselines.
Imports: `cache`, `request`, `models`. Pure.
"""
