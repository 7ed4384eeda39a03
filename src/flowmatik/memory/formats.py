"""Which parser reads which suffix, from the manifests; a parser is imported when first needed."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import cast

from flowmatik.kernel.errors import ConfigurationError, DocumentError
from flowmatik.kernel.plugins import PluginRegistry
from flowmatik.memory.parsing import Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """`is_table`: a data file that is hashed and registered, of which only the beginning is parsed."""

    id: str
    is_table: bool


class Formats:
    """Raises ConfigurationError when two parsers claim one suffix."""

    def __init__(self, registry: PluginRegistry | None = None) -> None:
        self._registry = registry or PluginRegistry(
            Path(__file__).parent / "parsers", "flowmatik.memory.parsers"
        )
        self._parsers: dict[str, Parser] = {}
        self._by_suffix: dict[str, Format] = {}
        for manifest in self._registry.manifests():
            table = manifest.options.get("kind") == "table"
            for suffix in manifest.texts("suffixes"):
                if suffix in self._by_suffix:
                    other = self._by_suffix[suffix].id
                    raise ConfigurationError(
                        f"parsers {other!r} and {manifest.id!r} both claim {suffix!r}; remove it from one "
                        "manifest",
                        code="config.parsers",
                        context={"one": other, "other": manifest.id, "suffix": suffix},
                    )
                self._by_suffix[suffix] = Format(id=manifest.id, is_table=table)

    def of(self, path: PurePath) -> Format | None:
        """None when no parser reads this suffix."""
        return self._by_suffix.get(path.suffix.lower())

    def reading(self, path: PurePath, name: str) -> Format:
        """Raises DocumentError when no parser does."""
        found = self.of(path)
        if found is None:
            known = " ".join(self.suffixes())
            raise DocumentError(
                f"{name}: no parser reads {path.suffix or 'a file without suffix'}; known are {known}",
                code="document.unsupported",
                context={"known": known},
            )
        return found

    def parser(self, format_id: str) -> Parser:
        if format_id not in self._parsers:
            self._parsers[format_id] = cast("Parser", self._registry.build(format_id))
        return self._parsers[format_id]

    def suffixes(self) -> tuple[str, ...]:
        return tuple(sorted(self._by_suffix))
