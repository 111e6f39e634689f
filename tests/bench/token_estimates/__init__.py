"""Token estimates: the adapter for the scorer, their speed, and the script that makes the shipped tokenizer."""
