"""Model calls nobody waits for: compaction and keep-alives."""
