import sys
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ConfigurationError, NotFound
from flowmatik.kernel.plugins import PluginRegistry


def _plugin(root: Path, folder: str, manifest: str, code: str = "") -> None:
    place = root / folder
    place.mkdir(parents=True)
    (place / "manifest.toml").write_text(manifest, encoding="utf-8")
    (place / "__init__.py").write_text(code, encoding="utf-8")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    name = f"plugins_of_{tmp_path.name}"
    root = tmp_path / name
    root.mkdir()
    (root / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return root, name


def test_manifests_are_read_without_importing_any_code(package: tuple[Path, str]) -> None:
    root, name = package
    _plugin(root, "one", 'id = "one"\nsummary = "First"\nsuffixes = [".x"]', "raise RuntimeError('imported')")
    (manifest,) = PluginRegistry(root, name).manifests()
    assert (manifest.id, manifest.summary, manifest.texts("suffixes")) == ("one", "First", (".x",))
    assert f"{name}.one" not in sys.modules


def test_a_plugin_is_built_with_its_settings(package: tuple[Path, str]) -> None:
    root, name = package
    _plugin(root, "one", 'id = "one"\nsummary = "s"', "def build(settings):\n    return ('built', settings)")
    assert PluginRegistry(root, name).build("one", {"a": 1}) == ("built", {"a": 1})


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ('id = "other"\nsummary = "s"', "its folder is 'one'"),
        ('summary = "s"', "'id'"),
        ('id = "one"', "'summary'"),
        ('id = "one"\nsummary = "s"\nstatus = "odd"', "'odd'"),
        ('id = "one"\nsummary = "s"\nrequires = "httpx"', "'requires'"),
        ("id = ", "cannot read"),
    ],
)
def test_a_wrong_manifest_is_refused_and_named(package: tuple[Path, str], manifest: str, fault: str) -> None:
    root, name = package
    _plugin(root, "one", manifest)
    with pytest.raises(ConfigurationError) as caught:
        PluginRegistry(root, name)
    assert fault in caught.value.message
    assert "one" in caught.value.message


def test_a_missing_requirement_is_named_before_anything_is_imported(package: tuple[Path, str]) -> None:
    root, name = package
    _plugin(
        root, "one", 'id = "one"\nsummary = "s"\nrequires = ["surely_not_installed"]', "raise RuntimeError"
    )
    registry = PluginRegistry(root, name)
    assert registry.manifest("one").missing() == ("surely_not_installed",)
    with pytest.raises(ConfigurationError, match="surely_not_installed"):
        registry.build("one")


def test_an_unknown_plugin_is_answered_with_those_that_there_are(package: tuple[Path, str]) -> None:
    root, name = package
    _plugin(root, "one", 'id = "one"\nsummary = "s"')
    with pytest.raises(NotFound, match="there are: one"):
        PluginRegistry(root, name).build("two")


def test_a_plugin_without_build_is_a_configuration_error(package: tuple[Path, str]) -> None:
    root, name = package
    _plugin(root, "one", 'id = "one"\nsummary = "s"')
    with pytest.raises(ConfigurationError, match="no build"):
        PluginRegistry(root, name).build("one")


def test_a_plugin_without_its_libraries_names_the_extra_that_brings_them(package: tuple[Path, str]) -> None:
    root, name = package
    manifest = 'id = "one"\nsummary = "s"\nrequires = ["no_such_vendor.sdk"]\nextra = "vendor"'
    _plugin(root, "one", manifest, "def build(settings):\n    return settings")
    registry = PluginRegistry(root, name)
    assert registry.manifest("one").missing() == ("no_such_vendor.sdk",)
    with pytest.raises(ConfigurationError, match=r"flowmatik\[vendor\]") as raised:
        registry.build("one")
    assert raised.value.code == "config.plugin.extra"
