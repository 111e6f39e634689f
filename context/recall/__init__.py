"""Recall: older messages brought back because the new one needs them. Pure: the store searches, this folder decides.

Reading order: policy (every knob and its reason) · words (how text becomes stems, per script) · function_words (words that tell
nothing) · kinds (Lisbon is a city) · dates (when a question speaks of) · standing (instructions that stay in force) · telling (which
messages tell of events) · query (what is
looked for) · thread (the messages that can come back) · rank (how much each is worth) · feedback (words learned from the best of
them) · likeness (what an embedding model finds alike) · excerpts (the part of a long message that matters) · render (how one stands
in the request) · choose (what the budget buys).
"""
