"""The `catalog` of models with their limits, and `pricing` in picodollars.

Imported by everything above it. May import the standard library and `genai_prices`. Pure.
"""
