"""What is on disk beside what is known of it: names, moves, and what is gone."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from flowmatik.contracts.memory import IngestProgress
from flowmatik.memory import parts, records
from flowmatik.memory.places import Places, is_within
from flowmatik.memory.records import Known, Stamp
from flowmatik.memory.scan import PRIVATE, Found, Refused, Scan
from flowmatik.memory.writing import SourceRow

_LINKED = frozenset((".md", ".markdown", ".html", ".htm", ".xhtml", ".docx"))
_LINKED_LATER = frozenset((".odt", ".adoc", ".asciidoc", ".rst", ".pdf", ".eml", ".mbox"))
_BEFORE = frozenset(("", "1", "2", "3"))  # versions of what is derived from when those had no links
_RACY_SECONDS = 2.0


def refusal(refused: Refused) -> IngestProgress:
    return IngestProgress(
        source=refused.relative,
        outcome="skipped",
        reason=refused.reason,
        code=refused.code,
        values={"why": refused.why} if refused.why else {},
    )


def source_rows(scopes: Sequence[Path], places: Places) -> tuple[SourceRow, ...]:
    """Blocking."""

    def kind(scope: Path) -> str:
        return "uploads" if places.is_upload(scope) else "folder" if scope.is_dir() else "file"

    return tuple(
        SourceRow(kind=kind(scope), name=scope.name or str(scope), location=str(scope)) for scope in scopes
    )


def gone_of(found: Scan, known: dict[str, Known], places: Places) -> list[str]:
    """Known files below what was looked at that are not there; one that is there but could not
    be listed (no right to read the folder) is not gone. What must not be read is, but for uploads: nobody
    looks at them from outside of their own folder."""
    present = {str(file.path) for file in found.found}
    unread = [refused.path for refused in found.refused if refused.code != PRIVATE]
    uploads = [scope for scope in found.scopes if places.is_upload(scope)]

    def is_gone(path: Path) -> bool:
        looked_at = uploads if places.is_upload(path) else found.scopes
        unseen = not parts.is_there(path, present) and any(is_within(path, scope) for scope in looked_at)
        return unseen and not any(is_within(path, folder) for folder in unread)

    return [path for path in known if is_gone(Path(path))]


def understood(known: Known) -> bool:
    return known.pipeline == records.PIPELINE


def lacks_links(known: Known) -> bool:
    """Its file is read once more for them, and for nothing else."""
    suffix = PurePath(known.source).suffix.lower()
    if suffix in _LINKED_LATER:
        return known.derived.partition("/")[0] in _BEFORE
    return known.unlinked and suffix in _LINKED


def same_time(known: Known, file: Found) -> bool:
    stamp = known.stamp
    return stamp.mtime_ns != 0 and (stamp.size, stamp.mtime_ns) == (file.size, file.mtime_ns)


def stamp_of(file: Found, digest: str, status: os.stat_result, now: float) -> Stamp:
    """A file written this very moment may change again within the same tick of its clock."""
    mtime = 0 if abs(now - status.st_mtime) < _RACY_SECONDS else status.st_mtime_ns
    return Stamp(path=str(file.path), content_hash=digest, size=status.st_size, mtime_ns=mtime)


def moved_from(twins: list[Known]) -> Known | None:
    """Of the documents of the same content, one whose file is no longer where it was."""
    paths = ((known, known.stamp.path) for known in twins)
    gone = (known for known, path in paths if not os.path.lexists(path) and not parts.is_part(path))
    return next(gone, None)


def keeps_title(origin: Known, name: str) -> bool:
    """A title taken from the file's name is indexed: under a new name it is indexed anew."""
    old, new = PurePath(origin.source).stem, PurePath(name).stem
    return old == new or origin.title != old


def names_of(file: Found) -> list[str]:
    """Relative to the root; prefixed by more and more of the root's folders, in case another file
    has that name; at last the whole path."""
    names, folder = [file.relative], file.root
    while folder.name:
        names.append(f"{folder.name}/{names[-1]}")
        folder = folder.parent
    return [*names, str(file.path)]
