"""The HTTP API against its own description: fuzzed from the OpenAPI document, and every real route accounted for."""
