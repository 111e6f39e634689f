"""The HTTP API, `palaver.v1`: one file per noun.

Reading order: routes (the table of contents) · endpoint (how a route is declared) · body (how a body is read) · turns · threads ·
messages · search · info · schemas (shapes) · openapi and docs (the same table, for readers) · page (the bundled page).
"""
