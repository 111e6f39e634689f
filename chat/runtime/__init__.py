"""What this process runs with: models, prompt, limits, token sizes and other learned values; built from the settings at start.
Imports: everything below it, `store`, `context`. Opens and migrates the database.
"""
