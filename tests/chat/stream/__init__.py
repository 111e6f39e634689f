"""The event log of one answer."""
