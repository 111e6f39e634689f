"""A strict simulator of the Claude Messages API of November 2026, on a real loopback socket.

Reading order: simulator (what a test says), routes, messages (the life of a request), rules (what is refused),
prompt and cache (what is billed), answers (what is said), stream and play (how it is sent). `python -m tests.upstream`
runs it by hand.
"""

from tests.upstream import faults
from tests.upstream.clock import SimClock
from tests.upstream.gate import Gate
from tests.upstream.replies import Reply, ToolCall
from tests.upstream.simulator import Simulator

__all__ = ["Gate", "Reply", "SimClock", "Simulator", "ToolCall", "faults"]
