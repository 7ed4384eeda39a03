"""Choosing the graph index: plugins in this folder."""

from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.graph_indexes import GraphSearch
from flowmatik.kernel.plugins import PluginRegistry

DEFAULT = "sql"


def graph_index_registry() -> PluginRegistry:
    return PluginRegistry(Path(__file__).parent, "flowmatik.memory.graph_indexes")


def load_graph_index(plugin_id: str = DEFAULT, settings: Any = None) -> GraphSearch:
    """Nothing is opened or connected before the first call. Raises NotFound for an unknown plugin,
    ConfigurationError for settings that it cannot run with."""
    return cast("GraphSearch", graph_index_registry().build(plugin_id, settings))
