"""The kinds of sources that there are, from their manifests; one is imported when it is first needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.sources import SourceOutside, SourceReader, SourceSetup
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.plugins import PluginRegistry

_FOLDER = Path(__file__).parent.parent / "source_kinds"


class SourceKinds:
    def __init__(self, outside: SourceOutside) -> None:
        """Raises ConfigurationError when a manifest is wrong."""
        self._registry = PluginRegistry(_FOLDER, "flowmatik.memory.source_kinds")
        self._outside = outside

    def all(self) -> Sequence[tuple[str, str]]:
        return [(one.id, one.summary) for one in self._registry.manifests()]

    def open(self, kind: str, settings: Mapping[str, Any], workspace_id: str) -> SourceReader:
        """Connects to nothing yet. Raises InvalidInput for settings that are none of its own, or wrong."""
        known = [one.id for one in self._registry.manifests()]
        if kind not in known:
            raise InvalidInput(
                f"there is no kind of source {kind[:100]!r}; there are {', '.join(known)}",
                code="input.source.kind",
                context={"kind": kind[:100], "known": ", ".join(known)},
            )
        setup = SourceSetup(settings=settings, outside=self._outside, workspace_id=workspace_id)
        return cast("SourceReader", self._registry.build(kind, setup))
