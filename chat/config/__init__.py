"""Settings: all of them, the tables an operator writes in `palaver.toml`, and how they are read. Imports: `store`, `context`.
Reads the environment and files at start; nothing else here touches the outside. README.md has the table of settings.
"""
