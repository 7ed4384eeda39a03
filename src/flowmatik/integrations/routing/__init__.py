"""Which deployment answers a call, and which one when that fails."""
