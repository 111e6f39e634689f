"""How much of what a question needs is still there: in the window, in the summary, in what is recalled.

Reading order: asked (threads played, questions asked) · words (what is counted) · tables · judge (the same with a real model) · __main__.
"""
