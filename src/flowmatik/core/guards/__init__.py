"""Guardrails: what is found in a text, and what it is without that. Pure."""
