"""The model catalog and prices. Imports: the standard library and `genai_prices`. Pure."""
