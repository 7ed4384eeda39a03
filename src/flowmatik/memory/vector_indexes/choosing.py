"""Choosing the vector index: plugins in this folder, by `memory.vectors`."""

from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.kernel.plugins import PluginRegistry


def vector_index_registry() -> PluginRegistry:
    return PluginRegistry(Path(__file__).parent, "flowmatik.memory.vector_indexes")


def load_vector_index(plugin_id: str, settings: Any = None) -> VectorIndex:
    """Nothing is opened or connected before the first call. Raises NotFound for an unknown plugin,
    ConfigurationError for wrong settings, or when its libraries are not installed."""
    return cast("VectorIndex", vector_index_registry().build(plugin_id, settings))
