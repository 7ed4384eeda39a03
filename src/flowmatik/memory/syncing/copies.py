"""Where copies of documents from elsewhere lie: `<folder>/<workspace>/<source>/<name>`.

Parsers, tables and a later rebuild need files; a copy goes with its document.
"""

import hashlib
import re
from pathlib import Path, PurePosixPath

_ODD = re.compile(r'[\x00-\x1f\x7f:*?"<>|\\]')
_LONGEST_PART = 120
_LONGEST = 400


class Copies:
    """Blocking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def root(self, workspace_id: str, source_id: str) -> Path:
        return self._folder / safe_name(workspace_id) / source_id

    def write(self, path: Path, data: bytes) -> None:
        """Wholly or not at all."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:32]}.part")
        try:
            part.write_bytes(data)
            part.chmod(0o600)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def move(self, before: Path, now: Path) -> bool:
        """Whether there was a copy to move."""
        if not before.is_file():
            return False
        now.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before.replace(now)
        return True

    def remove(self, path: Path, root: Path) -> None:
        """With folders that it leaves empty."""
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if not folder.is_relative_to(root) or not folder.is_dir() or any(folder.iterdir()):
                return
            folder.rmdir()


def safe_name(name: str, *, tell_apart: str = "") -> str:
    """A relative path that leads nowhere else, is not hidden and fits every disk; the suffix stays. With
    `tell_apart`, one of its own."""
    parts = [_safe_part(part) for part in PurePosixPath(name.replace("\\", "/")).parts if part.strip("./")]
    safe = "/".join(parts) or "document"
    if len(safe.encode()) > _LONGEST or tell_apart:
        pure = PurePosixPath(safe)
        short = pure.stem.encode()[: _LONGEST_PART // 2].decode(errors="ignore")
        safe = f"{short}-{_digest(tell_apart or name)}{pure.suffix[:20]}"
        parent = (
            "" if len(str(pure.parent).encode()) > _LONGEST or str(pure.parent) == "." else f"{pure.parent}/"
        )
        safe = parent + safe
    return safe


def _safe_part(part: str) -> str:
    clean = _ODD.sub("_", part.encode("utf-8", "replace").decode()).lstrip(".").strip() or "_"
    if len(clean.encode()) <= _LONGEST_PART:
        return clean
    suffix = PurePosixPath(clean).suffix[:20]
    return f"{clean.encode()[: _LONGEST_PART - 40].decode(errors='ignore')}-{_digest(clean)}{suffix}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
