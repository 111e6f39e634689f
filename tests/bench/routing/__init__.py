"""The router: the adapter for the scorer, the table beside baselines, and the script that trains the shipped weights."""
