"""How much of what old questions are answered from does the context hold: adapters for the evaluation kit, and a table."""
