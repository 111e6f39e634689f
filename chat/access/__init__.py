"""Who may do what: the principal of a request, the tokens that name one, and what budgets leave to spend.

principal ... who a request comes from
tokens ...... from a bearer token to its principal, by digest
middleware .. every API request gets its principal, or is refused
configured .. budgets as they are written in the settings
budgets ..... budgets at work: what fits is set aside, what does not is refused
alerts ...... the operator is told, also when the webhook was away
"""
