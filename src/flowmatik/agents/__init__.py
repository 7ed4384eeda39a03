"""Agents as data: profiles, immutable versions, the loop, and the skills they use."""

from flowmatik.agents.catalogue import StoredCatalogue
from flowmatik.agents.loop import ReducerLoop
from flowmatik.agents.profiles import parse_profile, profile_json_schema
from flowmatik.agents.skills.toolbox import build_toolbox

__all__ = ["ReducerLoop", "StoredCatalogue", "build_toolbox", "parse_profile", "profile_json_schema"]
