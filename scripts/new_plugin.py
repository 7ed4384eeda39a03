"""Make a plugin's folder: `new_plugin.py KIND ID`, where KIND is a folder of plugins such as
`parsers` and ID the plugin's name. Touches nothing else; refuses what exists."""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "flowmatik"

MANIFEST = """\
id = "{id}"
summary = "Say in one line what it does and where its limits are"
requires = []  # top-level modules of packages that must be installed
status = "preview"
"""
CODE = '''\
"""{id}: say why it exists and what is peculiar about the other side."""

from typing import Any

from flowmatik.kernel.errors import ConfigurationError


def build(settings: Any) -> Any:
    """The port's implementation. Import the vendor's library here, not at the top."""
    raise ConfigurationError(
        "the plugin '{id}' is not written yet; return its adapter here", context={{"plugin": "{id}"}}
    )
'''
README = """\
# {id}

What it connects to, which settings it reads, what was really tried and against what.
"""


def kinds(source: Path) -> dict[str, Path]:
    """Every folder that holds plugins, by its name."""
    return {manifest.parents[1].name: manifest.parents[1] for manifest in source.rglob("*/manifest.toml")}


def make(source: Path, kind: str, plugin_id: str) -> Path:
    """Raises ValueError with what to do instead."""
    known = kinds(source)
    if kind not in known:
        raise ValueError(f"no plugins are kept in {kind!r}; there are: {', '.join(sorted(known))}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", plugin_id):
        raise ValueError(f"{plugin_id!r} cannot be an id; use lower-case letters, digits and _")
    folder = known[kind] / plugin_id
    if folder.exists():
        raise ValueError(f"{folder} exists already; choose another id")
    folder.mkdir()
    for name, text in (("manifest.toml", MANIFEST), ("__init__.py", CODE), ("README.md", README)):
        (folder / name).write_text(text.format(id=plugin_id), encoding="utf-8")
    return folder


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: just new-plugin KIND ID\n")
        return 2
    try:
        folder = make(SOURCE, *arguments)
    except ValueError as error:
        sys.stderr.write(f"new-plugin: {error}\n")
        return 2
    sys.stdout.write(f"made {folder}; fill in its three files, then run `just check`\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
