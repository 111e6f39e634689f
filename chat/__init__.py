"""chat acts: it accepts turns, asks the model, journals what is said and serves it.

Reading order: events (what can happen in a turn) · api/turns (where one comes in) · accept (made durable) · runner (who owns
it) · turn (its story) · upstream/ (asking the model) · journal (kept, then shown) · sse (followed) · app (all wiring) · cli.

May import: store, context. `upstream/` alone imports the SDK.
"""
