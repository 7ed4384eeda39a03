"""Waiting runs by the million: what they hold, and how soon they go on."""
