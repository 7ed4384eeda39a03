"""Agent profiles: YAML in, immutable content-hashed versions out, faults with file and line."""

from flowmatik.agents.profiles.parse import parse_profile, profile_json_schema

__all__ = ["parse_profile", "profile_json_schema"]
