"""The embedding model, and recall by meaning."""
