"""Agents as data: profiles, immutable versions, the loop, and the skills they use."""

from flowmatik.agents.catalogue import StoredCatalogue, inventory_of
from flowmatik.agents.channels.assigning import AssignedAgents
from flowmatik.agents.channels.bundles import StoredBundles
from flowmatik.agents.channels.files import read as read_files
from flowmatik.agents.channels.versions import StoredVersions
from flowmatik.agents.loop import ReducerLoop
from flowmatik.agents.profiles import Inventory, parse_profile, profile_json_schema
from flowmatik.agents.skills.toolbox import build_toolbox, shipped_tools
from flowmatik.agents.skills.union import ToolUnion

__all__ = [
    "AssignedAgents",
    "Inventory",
    "ReducerLoop",
    "StoredBundles",
    "StoredCatalogue",
    "StoredVersions",
    "ToolUnion",
    "build_toolbox",
    "inventory_of",
    "parse_profile",
    "profile_json_schema",
    "read_files",
    "shipped_tools",
]
