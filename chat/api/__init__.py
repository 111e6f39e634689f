"""The HTTP API, `palaver.v1`: one file per noun, each handler under the declaration of its route. README.md lists routes and events.
Imports: everything in `chat` but `app`, `server` and `cli`; only `app` and `cli` import it. Reads and writes through `store`.

Reading order: routes (the route table) · endpoint (how a route is declared) · body (how a body is read) · turns and event_stream
(post a turn, follow it) · the other nouns · schemas/ (the shapes) · serialize (stored values in those shapes) · event_schemas, openapi, page.
"""
