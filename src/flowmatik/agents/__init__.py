"""Agents as data: profiles, immutable versions, the loop, and the skills they use."""
