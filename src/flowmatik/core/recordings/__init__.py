"""Runs as recordings: made from the journal, replayed without network, models or tools."""
