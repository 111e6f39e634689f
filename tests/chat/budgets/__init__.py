"""Spend limits and alerts."""
