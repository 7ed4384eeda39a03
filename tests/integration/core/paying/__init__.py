"""Processes that make paid calls under shared caps, and who watches their money meanwhile."""
