"""A server as a `Backend`: its memory and agents beside its runs."""
