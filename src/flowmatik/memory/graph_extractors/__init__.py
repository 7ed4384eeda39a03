"""Graph extractors: plugins that read passages for entities and relations, when somebody says so."""

from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.graph_extraction import GraphExtractor
from flowmatik.kernel.plugins import PluginRegistry


def graph_extractor_registry() -> PluginRegistry:
    return PluginRegistry(Path(__file__).parent, "flowmatik.memory.graph_extractors")


def load_graph_extractor(plugin_id: str, settings: Any) -> GraphExtractor:
    """Raises NotFound for an unknown plugin and ConfigurationError for wrong settings."""
    return cast("GraphExtractor", graph_extractor_registry().build(plugin_id, settings))
