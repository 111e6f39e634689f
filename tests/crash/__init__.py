"""Real server processes, killed without warning: `server` starts and kills them, `clients` live through it, `test_kill` counts.

Starting a server costs two seconds of imports and a tenth of a second of its own, so most of them are forked from a
`fork_server` that has imported everything; the code they run from there on, and the way they die, are those of the real command.
"""
