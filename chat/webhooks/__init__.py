"""Report events to endpoints of the operator, signed as in Standard Webhooks: an outbox in the database, delivered at least once.

Imported by `budgets` and whatever is above. Touches the table `webhook_deliveries` and the network.
"""
