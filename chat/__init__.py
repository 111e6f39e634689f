"""The application: HTTP API, turns, calls to the model, background work and the `palaver` command. README.md has the layers.
Imports: `context`, `store`. `chat.upstream` alone imports the provider's SDK, `chat.config` alone reads the environment.

Reading order from a request to the bytes on the wire: see the top README.
"""

DISTRIBUTION = "palaver-chat"  # its name on PyPI, under which its version is installed
