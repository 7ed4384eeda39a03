"""A new plugin starts from a folder that the registry understands."""

import sys
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.plugins import PluginRegistry
from scripts.new_plugin import make


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "house_plugins" / "parsers" / "old"
    folder.mkdir(parents=True)
    (folder / "manifest.toml").write_text('id = "old"\nsummary = "An old one"\n', encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path / "house_plugins"


def test_a_new_plugin_is_found_and_says_that_it_is_not_written_yet(source: Path) -> None:
    make(source, "parsers", "fresh")
    registry = PluginRegistry(source / "parsers", "house_plugins.parsers")
    assert registry.manifest("fresh").status == "preview"
    with pytest.raises(ConfigurationError, match="'fresh' is not written yet"):
        registry.build("fresh")


@pytest.mark.parametrize(
    ("kind", "plugin_id", "message"),
    [
        ("cooks", "fresh", "there are: parsers"),
        ("parsers", "Fresh-1", "lower-case"),
        ("parsers", "old", "exists"),
    ],
)
def test_what_cannot_be_a_plugin_is_refused(source: Path, kind: str, plugin_id: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(source, kind, plugin_id)
