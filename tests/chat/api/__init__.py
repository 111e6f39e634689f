"""HTTP: routes, bodies, event streams."""
