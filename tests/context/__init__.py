"""What `context` decides, proved on values alone."""
