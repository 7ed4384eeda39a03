"""Stores that modules share, against real servers."""
