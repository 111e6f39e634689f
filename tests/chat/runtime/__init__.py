"""The services of a process: token counts."""
