"""What threads cost, whether the caches did as foreseen, and what the same turns could have cost: `figures`, `examine`, `show`."""
