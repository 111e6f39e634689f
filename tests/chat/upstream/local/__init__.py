"""The embedded local model under test: its file, its child process, and the real model through the real SDK."""
