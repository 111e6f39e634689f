"""Webhooks: an outbox, signed deliveries, tried again until they are accepted."""
