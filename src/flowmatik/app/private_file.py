"""Files that hold secrets: readable by their owner alone, there whole or not at all."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Blocking. Mode 0600, in a folder that is made with 0700; whoever reads meanwhile sees the old one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(path)
