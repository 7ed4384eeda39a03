"""Archives as other programs write them."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path


def packed(path: Path, files: Mapping[str, object]) -> Path:
    """Text, bytes, or what becomes JSON. Written aside and put in place, as the next one over the last."""
    aside = path.with_suffix(".part")
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            data = content if isinstance(content, (str, bytes)) else json.dumps(content)
            archive.writestr(name, data)
    aside.replace(path)
    return path
