"""A mark beside a memory file that was found damaged, so that the next start reads it whole: what is damaged
deep inside a large file is found by whoever comes across it, and by a short look only by luck."""

import contextlib
from pathlib import Path


def mark_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def mark(path: Path) -> None:
    """Blocking. Where that cannot be written either, the next start has its short look."""
    with contextlib.suppress(OSError):
        mark_of(path).touch()


def is_marked(path: Path) -> bool:
    return mark_of(path).exists()


def unmark(path: Path) -> None:
    mark_of(path).unlink(missing_ok=True)
