"""The Brain: pure decisions from the state of a run to what it does next."""
