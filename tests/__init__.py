"""Everything that proves Palaver: one folder per part, plus the simulator of the Claude API in `upstream`."""
