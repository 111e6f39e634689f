"""Asking the model: the only folder that imports the `anthropic` SDK.

Reading order: failures (what can go wrong, as values) · wire (the stream's bytes to deltas) · retry (what a repeat can help) ·
client (one call) · models (the Models API) · local/ (the embedded demo model).
"""
