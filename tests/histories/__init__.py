"""Histories without an engine: the real decisions and the real fold, with outcomes that a script gives."""
