"""Chats with random faults for as long as asked; at the end the ledger must be the provider's own log, call by call."""
