"""What this process runs with: the deployment (frozen configuration) and the runtime (database, clock, caller, learned values).
Imports: everything below it, `store`, `context`. Built from the settings at start; opens and migrates the database.
"""
