"""The contract of the journal port, run against every adapter."""
