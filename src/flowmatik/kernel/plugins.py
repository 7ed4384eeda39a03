"""Plugins: one folder each, `<id>/manifest.toml` beside `__init__.py` with `build(settings)`.

Manifests are read without importing any plugin's code; a plugin is imported only when it is
built, so that an unused vendor library costs nothing and may be absent.
"""

import importlib
import importlib.util
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from flowmatik.kernel.errors import ConfigurationError, NotFound

Status = Literal["stable", "preview", "deprecated"]
MANIFEST = "manifest.toml"


def _no_options() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a plugin says of itself. `requires` are the Python modules that it needs, `extra` the extra of
    this package that brings those which not every installation has; `options` are the keys that only its
    port knows (a parser's `suffixes`)."""

    id: str
    summary: str
    requires: tuple[str, ...] = ()
    extra: str = ""
    status: Status = "stable"
    options: Mapping[str, Any] = field(default_factory=_no_options)

    def missing(self) -> tuple[str, ...]:
        """The required modules that are not installed. Nothing is imported to find out, but what a dotted
        name stands in."""
        return tuple(name for name in self.requires if not _installed(name))

    def texts(self, key: str) -> tuple[str, ...]:
        """Option `key`, a list of strings, () when absent. Raises ConfigurationError."""
        value: object = self.options.get(key, [])
        return _texts(value, f"plugin {self.id!r}", key)


class PluginRegistry:
    """The plugins in `folder`, which is the Python package `package`.

    Raises ConfigurationError at once when any manifest is wrong.
    """

    def __init__(self, folder: Path, package: str) -> None:
        self._package = package
        self._manifests = {manifest.id: manifest for manifest in _scan(folder)}

    def manifests(self) -> tuple[Manifest, ...]:
        """All of them, by id."""
        return tuple(self._manifests.values())

    def manifest(self, plugin_id: str) -> Manifest:
        """Raises NotFound, naming those that there are."""
        try:
            return self._manifests[plugin_id]
        except KeyError:
            known = ", ".join(self._manifests) or "none"
            raise NotFound(
                f"no plugin {plugin_id!r} in {self._package}; there are: {known}",
                code="not_found.plugin",
                context={"plugin": plugin_id, "package": self._package, "known": known},
            ) from None

    def build(self, plugin_id: str, settings: Any = None) -> Any:
        """Import the plugin and return what its `build(settings)` returns.

        Raises NotFound, and ConfigurationError when a required module is missing or the plugin
        has no `build`.
        """
        manifest = self.manifest(plugin_id)
        if missing := manifest.missing():
            if manifest.extra:
                raise ConfigurationError(
                    f"plugin {plugin_id!r} needs {', '.join(missing)}, not installed here; install the extra "
                    f"flowmatik[{manifest.extra}], or configure another plugin",
                    code="config.plugin.extra",
                    context={"plugin": plugin_id, "missing": ", ".join(missing), "extra": manifest.extra},
                )
            raise ConfigurationError(
                f"plugin {plugin_id!r} needs {', '.join(missing)}, not installed here; install it "
                "or configure another plugin",
                code="config.plugin.requires",
                context={"plugin": plugin_id, "missing": ", ".join(missing)},
            )
        module_name = f"{self._package}.{plugin_id}"
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise ConfigurationError(
                f"plugin {plugin_id!r} cannot be imported: {error}",
                code="config.plugin.import",
                context={"plugin": plugin_id, "said": str(error)},
            ) from error
        build = cast("Callable[[Any], Any] | None", getattr(module, "build", None))
        if not callable(build):
            raise ConfigurationError(
                f"plugin {plugin_id!r} has no build(settings) in {module_name}; add it",
                code="config.plugin.build",
                context={"plugin": plugin_id},
            )
        return build(settings)


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # not even what it stands in
        return False


def _scan(folder: Path) -> list[Manifest]:
    try:
        paths = sorted(folder.glob(f"*/{MANIFEST}"))
    except OSError as error:
        raise _unreadable(folder, error) from error
    return [_read(path) for path in paths]


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"cannot read {path}: {error}",
        code="config.plugin.unreadable",
        context={"path": str(path), "said": str(error)},
    )


def _read(path: Path) -> Manifest:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(path, error) from error
    plugin_id, summary = _text(data, "id", path), _text(data, "summary", path)
    if plugin_id != path.parent.name:
        raise ConfigurationError(
            f"{path} has id {plugin_id!r} but its folder is {path.parent.name!r}; make them equal",
            code="config.plugin.id",
            context={"path": str(path), "id": plugin_id, "folder": path.parent.name},
        )
    status = data.get("status", "stable")
    if status not in get_args(Status):
        known = ", ".join(get_args(Status))
        raise ConfigurationError(
            f"{path}: status {status!r} is unknown; use one of {known}",
            code="config.plugin.status",
            context={"path": str(path), "status": str(status), "known": known},
        )
    said = {"id", "summary", "requires", "extra", "status"}
    options = {k: v for k, v in data.items() if k not in said}
    return Manifest(
        id=plugin_id,
        summary=summary,
        requires=_texts(data.get("requires", []), str(path), "requires"),
        extra=_text(data, "extra", path) if "extra" in data else "",
        status=cast("Status", status),
        options=MappingProxyType(options),
    )


def _text(data: Mapping[str, object], key: str, path: Path) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            f"{path}: {key!r} must be a text that is not empty, not {value!r}",
            code="config.plugin.text",
            context={"path": str(path), "key": key},
        )
    return value


def _texts(value: object, where: str, key: str) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise ConfigurationError(
            f"{where}: {key!r} must be a list of texts, not {value!r}",
            code="config.plugin.texts",
            context={"path": where, "key": key},
        )
    return tuple(cast("list[str]", items))
