"""Token estimates: the adapter for the scorer, and the script that makes the shipped vocabulary."""
