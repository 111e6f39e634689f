"""The acting half under test: real HTTP over real sockets, a real database, and the simulator instead of the model."""
