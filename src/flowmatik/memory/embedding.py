"""Choosing the embedding model: plugins under `embedders/`, the offline one by default."""

from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.memory import Embedder
from flowmatik.kernel.plugins import PluginRegistry

DEFAULT = "all_minilm_l6_v2"


def embedder_registry() -> PluginRegistry:
    return PluginRegistry(Path(__file__).parent / "embedders", "flowmatik.memory.embedders")


def load_embedder(plugin_id: str = DEFAULT, settings: Any = None) -> Embedder | None:
    """The embedder `plugin_id`; None when it is the default one and its weights or libraries are
    not installed, so that search is full text only and the status says so.

    Raises NotFound for an unknown plugin and ConfigurationError for wrong settings, or when a
    plugin that was asked for by name cannot run.
    """
    registry = embedder_registry()
    if (
        plugin_id == DEFAULT
        and "model_folder" not in (settings or {})
        and registry.manifest(plugin_id).missing()
    ):
        return None
    return cast("Embedder", registry.build(plugin_id, settings))
