"""Agent profiles: YAML in, immutable content-hashed versions out, faults with file and line."""

from flowmatik.agents.profiles.inventory import Inventory
from flowmatik.agents.profiles.model import profile_json_schema
from flowmatik.agents.profiles.parse import parse_profile

__all__ = ["Inventory", "parse_profile", "profile_json_schema"]
