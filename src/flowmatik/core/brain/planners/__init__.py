"""Planners: one file for each way to come to a plan. Pure; `planning.py` walks through them."""
