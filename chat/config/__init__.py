"""Every setting, and the shapes an operator writes in `palaver.toml`. Imports: `chat.errors`, `store`, `context`.
Reads the environment and files at start; nothing else here touches the outside.
"""
