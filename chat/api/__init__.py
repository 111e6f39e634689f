"""The HTTP API, `palaver.v1`: one file per noun, each handler under the declaration of its route.

Reading order: routes (the table of contents) · endpoint (how a route is declared) · body (how a body is read) · deps (what handlers
need) · turns · threads · messages · summary · presence · search · usage · budgets · metrics · info · schemas/ (the shapes) · present
(stored values in those shapes) · lookup (what a request names) · openapi and docs (the same table, for readers) · page (the bundled page).
"""
