"""Agents as data: profiles, immutable versions, the loop, and the skills they use."""

from flowmatik.agents.catalogue import StoredCatalogue, inventory_of
from flowmatik.agents.channels.assigning import AssignedAgents
from flowmatik.agents.channels.bundles import StoredBundles
from flowmatik.agents.channels.files import read as read_files
from flowmatik.agents.channels.versions import StoredVersions
from flowmatik.agents.evaluations import EvaluationSet, parse_set, shipped_set
from flowmatik.agents.evaluations import score as score_answer
from flowmatik.agents.factory import StoredFactory
from flowmatik.agents.loop import ReducerLoop
from flowmatik.agents.profiles import Inventory, parse_profile, profile_json_schema
from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.enforcing import EnforcedTools
from flowmatik.agents.skills.own.box import OwnSkillBox, reading_skills
from flowmatik.agents.skills.own.library import SkillLibrary, load_library, load_one
from flowmatik.agents.skills.own.template import make_folder
from flowmatik.agents.skills.own.trying import run_tests
from flowmatik.agents.skills.sandbox.code import code_skills
from flowmatik.agents.skills.sandbox.finding import sandbox_here
from flowmatik.agents.skills.toolbox import build_toolbox, shipped_tools
from flowmatik.agents.skills.union import ToolUnion
from flowmatik.agents.templates import StoredTemplates

__all__ = [
    "AssignedAgents",
    "EnforcedTools",
    "EvaluationSet",
    "Inventory",
    "OwnSkillBox",
    "ReducerLoop",
    "SkillBox",
    "SkillLibrary",
    "StoredBundles",
    "StoredCatalogue",
    "StoredFactory",
    "StoredTemplates",
    "StoredVersions",
    "ToolUnion",
    "build_toolbox",
    "code_skills",
    "inventory_of",
    "load_library",
    "load_one",
    "make_folder",
    "parse_profile",
    "parse_set",
    "profile_json_schema",
    "read_files",
    "reading_skills",
    "run_tests",
    "sandbox_here",
    "score_answer",
    "shipped_set",
    "shipped_tools",
]
