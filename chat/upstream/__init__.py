"""Asking the model: the only folder that imports the `anthropic` SDK.

Reading order: failures (what can go wrong, as values) · wire (the stream's bytes to deltas) · retry (what a repeat can help) ·
gate (what a call passes before it is sent) and queue (in which order) · sharing and news (what replicas tell each other) ·
client (one call) · models (the Models API) · local/ (the embedded demo model).
"""
