"""chat acts: it accepts turns, asks the model, journals what is said and serves it.

Reading order: events (what can happen in a turn) · api/turns (where one comes in) · command, accept (made durable) · runner (who owns
it) · turn (its story) · choosing (which model), planning (what it is sent) · calls and upstream/ (asking it) · journal (kept, then
shown) · sse (followed) · finish (one end) · compactions and tending (behind and between turns) · ledger (what it cost) · app (all wiring) · cli.

May import: store, context. `upstream/` alone imports the SDK.
"""
