"""Pydantic models of requests and answers, one file per noun; `fields` has what they share.
Imports: `context`, `store.ledger`. Imported by the handlers and `openapi`.
"""
