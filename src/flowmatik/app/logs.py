"""Logging, configured once, for the whole process."""
